# Configuring a build where CUDA's parts lie in planted places: a toolkit without NCCL,
# NVIDIA's packages for Python in the layouts of CUDA 12 and 13, or nothing. The compiler
# is a script that writes down what it is called with.
. "$E2E/lib.sh"

root=$PWD
# plant FILE...: empty files with the directories that they need.
plant() {
    for file; do
        mkdir -p "$(dirname "$file")"
        : >"$file"
    done
}
# plant_toolkit DIRECTORY LIBRARIES: nvcc 13 and what comes with it.
plant_toolkit() {
    plant "$1/bin/nvcc" "$1/include/cuda_runtime.h" "$1/$2/libcudart_static.a"
    cat >"$1/bin/nvcc" <<'EOF'
#!/bin/sh
case $1 in
--version) echo "Cuda compilation tools, release 13.0, V13.0.88" && exit ;;
--list-gpu-arch) printf 'compute_80\ncompute_90\ncompute_100\ncompute_120\n' && exit ;;
esac
echo "$*" >>"$NVCC_LOG"
while [ "$1" != -o ]; do shift; done
: >"$2"
EOF
    chmod +x "$1/bin/nvcc"
}
export NVCC_LOG=$root/nvcc.log
cmake=$(command -v cmake)

# A python3 that knows of one directory with packages, and one that is broken.
mkdir python broken
printf '#!/bin/sh\nprintf "\\n%%s\\n%%s\\n" "%s/nothing" "%s/packages"\n' "$root" "$root" >python/python3
printf '#!/bin/sh\nexit 1\n' >broken/python3
chmod +x python/python3 broken/python3

# configure BUILD PYTHON HOME OPTION...: of the system's directories none is searched but
# for programs.
configure() {
    build=$1 python=$2 home=$3
    shift 3
    ran="configuring $build"
    status=0
    CUDA_HOME=$root/$home CUDA_PATH='' PATH=$root/$python:/usr/bin:/bin "$cmake" -S "$E2E/../.." -B "$build" -DFTGPU_GPU_CHECK=ON \
        -DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF "$@" >out 2>err || status=$?
}
cuda_objects() {
    : >nvcc.log
    status=0
    cmake --build "$1" --target ft_cuda >out 2>err || status=$?
    ran="building $1"
    expect_status 0
}

# What the toolkit does not have is taken from the packages, each of which has a directory
# of its own.
plant_toolkit toolkit lib64
plant toolkit/include/cublasLt.h packages/nvidia/nccl/include/nccl.h
configure build_mixed python toolkit -DFTGPU_CUDA=ON
expect_status 0
expect out "CUDA: nvcc 13.0 +$root/toolkit/bin/nvcc"
expect out "CUDA: libcudart_static.a +$root/toolkit/lib64/libcudart_static.a"
expect out "CUDA: cuda_runtime.h +$root/toolkit/include"
expect out "CUDA: cublasLt.h +$root/toolkit/include"
expect out "CUDA: nccl.h +$root/packages/nvidia/nccl/include"
expect_not err 'Warning'
cuda_objects build_mixed
expect nvcc.log "-isystem $root/packages/nvidia/nccl/include .*-DFT_NCCL .*comm_nccl\.cu"

# A later CUDA's packages are not mixed with this nvcc; cuBLAS' own directory is CUDA
# 12's.
mkdir -p bare/include
plant_toolkit bare lib64
plant packages/nvidia/cu14/include/cublasLt.h packages/nvidia/cublas/include/cublasLt.h
configure build_bare python bare -DFTGPU_CUDA=ON
expect_status 0
expect out "CUDA: cublasLt.h +$root/packages/nvidia/cublas/include"

# All of it from the packages of CUDA 13.
plant_toolkit packages/nvidia/cu13 lib
plant packages/nvidia/cu13/include/cublasLt.h
nvcc=
[ ! -e /usr/bin/nvcc ] || nvcc=-DFTGPU_NVCC=$root/packages/nvidia/cu13/bin/nvcc # what is on PATH comes first
configure build_packages python nowhere -DFTGPU_CUDA=ON $nvcc
expect_status 0
expect out "CUDA: nvcc 13.0 +$root/packages/nvidia/cu13/bin/nvcc"
expect out "CUDA: libcudart_static.a +$root/packages/nvidia/cu13/lib/libcudart_static.a"
expect out "CUDA: cublasLt.h +$root/packages/nvidia/cu13/include"
expect out "CUDA: nccl.h +$root/packages/nvidia/nccl/include"

# Code for the usual GPUs, and PTX of the newest for those that are newer. Other GPUs:
# what was compiled is compiled again.
cuda_objects build_packages
for code in arch=compute_80,code=sm_80 arch=compute_90,code=sm_90 arch=compute_100,code=sm_100 arch=compute_100,code=compute_100; do
    expect nvcc.log "-gencode=$code .*create\.cu"
done
expect_not nvcc.log 'arch=compute_(80|90),code=compute'
configure build_packages python nowhere '-DFTGPU_CUDA_ARCHITECTURES=120;90a'
expect out 'CUDA: code for 90a 120 and PTX of 120'
cuda_objects build_packages
expect nvcc.log '-gencode=arch=compute_90a,code=sm_90a -gencode=arch=compute_120,code=sm_120 -gencode=arch=compute_120,code=compute_120 .*create\.cu'
configure build_packages python nowhere
cuda_objects build_packages
expect_not nvcc.log '.'

# Without NCCL's header there is a build, and a warning that says what it cannot do. A
# python3 that fails is none.
configure build_alone broken toolkit -DFTGPU_CUDA=ON
expect_status 0
expect out 'CUDA: nccl.h +not found'
expect err 'CMake Warning'
tr -s ' \n' ' ' <err >err.line
expect err.line 'nccl\.h is not found.*--gpus-per-experiment.*FTGPU_NCCL_INCLUDE'
cuda_objects build_alone
expect_not nvcc.log 'FT_NCCL'

# Without cuBLASLt's header there is no CUDA backend: an error where one is asked for.
rm toolkit/include/cublasLt.h
configure build_asked broken toolkit -DFTGPU_CUDA=ON
expect_status 1
expect err 'FTGPU_CUDA=ON: cublasLt\.h is not found'
configure build_without broken toolkit -DFTGPU_CUDA=AUTO
expect_status 0
expect out 'CUDA not built: cublasLt\.h is not found'
finish
