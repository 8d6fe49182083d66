// Package envtest has the operator's tests against a real API server: the rules of the API at admission, and the
// controllers as the manager runs them. There are no kubelet, no garbage collector, no CloudNativePG and no chat
// server; the tests play the part of each openly (see cast_test.go), CloudNativePG's with its real schema.
//
// The tests need kube-apiserver and etcd: `make test-envtest` builds them.
package envtest
