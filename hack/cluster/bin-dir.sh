#!/bin/bash
# Print the folder of the cluster's programs, for KUBEBUILDER_ASSETS and PATH. Usage: bin-dir.sh
set -euo pipefail
# shellcheck source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
echo "$RUN/bin"
