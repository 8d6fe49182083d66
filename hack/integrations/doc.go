// Package integrations holds what others do with the product's objects, metrics and rules to what it writes: Argo CD's
// health script (Lua), kstatus, as Flux, Helm and kubectl tools use it, and Prometheus' alerts and dashboard (PromQL). It is a
// module of its own, so that the product needs none of these.
package integrations
