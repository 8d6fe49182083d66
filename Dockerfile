# One image for the operator and the chat server: static binaries on an empty file system, run as nobody.
# `make up` builds the same image without Docker (hack/cluster/images.sh).
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY api api
COPY controllers controllers
COPY chatserver chatserver
RUN CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o /out/ ./chatserver/cmd/chatserver ./controllers/cmd/manager

FROM scratch
# By these a server trusts an External database whose certificate is of a public authority.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/chatserver /chatserver
COPY --from=build /out/manager /manager
USER 65532:65532
ENTRYPOINT ["/manager"]
