module chatpool.dev

go 1.26
