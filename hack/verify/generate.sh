#!/bin/bash
# Make what is generated: deepcopy methods, CRDs, the operator's role, the chart's copies of both, docs/reference.md.
# Usage: generate.sh [DIR]   DIR: write config and chart files below it instead of the repository (for verify.sh)
set -euo pipefail
cd "$(dirname "$0")/../.."
out=${1:-.}
gen() { go tool -modfile=hack/tools/go.mod controller-gen "$@"; }

mkdir -p "$out"/{api/v1alpha1,config/crd,config/rbac,charts/chatpool-operator/{crds,files}}
gen object:headerFile=hack/verify/generated.go.txt paths=./api/... output:object:dir="$out/api/v1alpha1"
gen crd:allowDangerousTypes=false paths=./api/... output:crd:dir="$out/config/crd"
gen rbac:roleName=chatpool-operator,fileName=role.yaml paths=./controllers/... output:rbac:dir="$out/config/rbac"
cp "$out"/config/crd/*.yaml "$out/charts/chatpool-operator/crds/"
# The chart binds the same rules cluster-wide, or in each watched namespace.
sed -n '/^rules:/,$p' "$out/config/rbac/role.yaml" >"$out/charts/chatpool-operator/files/rules.yaml"
# A test of hack/docs holds the reference to its sources, so it is not made below another DIR.
[ "$out" != . ] || go run ./hack/docs
