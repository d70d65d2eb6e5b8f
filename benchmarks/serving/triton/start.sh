#!/usr/bin/env bash
# Starts Triton on the loopback interface:
#     start.sh VENV REPOSITORY [OPTION...]
# VENV is an environment with benchmarks/requirements/triton.txt. In the wheel
# nvidia-pytriton there is a whole server, with the Python backend.
set -euo pipefail
repository=$2
export PATH=$1/bin:$PATH  # where the Python backend looks for its packages
describe='import sys, sysconfig as s
print(s.get_path("purelib"), "%d.%d" % sys.version_info[:2], s.get_config_var("LIBDIR"))'
read -r packages version libraries < <(python -c "$describe")
server=$packages/pytriton/tritonserver
# The backend's stub is for one version of Python, and needs its libpython.
libraries+=:$packages/nvidia_pytriton.libs
export LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
backends=$(mktemp -d)
trap 'rm -rf "$backends"' EXIT
cp -r "$server/backends/python" "$backends/python"
cp "$server/python_backend_stubs/$version/triton_python_backend_stub" "$backends/python/"
"$server/bin/tritonserver" --model-repository "$repository" --backend-directory "$backends" \
    --http-address 127.0.0.1 --grpc-address 127.0.0.1 --allow-metrics false "${@:3}" &
trap 'kill $!; wait $!; rm -rf "$backends"' EXIT INT TERM
wait $!
