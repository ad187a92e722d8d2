# The steps of .ci/run, as functions. $work is a folder that goes when the run ends.

times=""

# step TITLE FUNCTION [ARGUMENTS]: runs one step, and keeps how long it took.
step() {
    local title=$1 begin=$SECONDS
    shift
    printf '\n=== %s\n' "$title"
    "$@"
    local taken=$((SECONDS - begin))
    times+=$(printf '%3d min %02d s  %s' $((taken / 60)) $((taken % 60)) "$title")$'\n'
}

# Prints what the steps took and, last, the closing line of the test runner.
finished() {
    printf '\n=== done in %d min %02d s\n%s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$times"
    grep -hE '^(=+ )?[0-9]+ (passed|failed).* in ' "$work/tests.log" | tail -n 1
}

readme_test_command() {
    rm -rf .venv
    local command
    command=$(sed -n '/<!-- test command -->/,/```$/p' README.md | sed '1,2d;$d')
    printf '%s\n' "$command"
    bash -euo pipefail -c "$command" 2>&1 | tee "$work/tests.log"
}

# build_for_unit_tests PYTHON VENV
build_for_unit_tests() {
    rm -rf "$2"
    "$1" -m venv "$2"
    "$2/bin/pip" install -q '.[unit]'
}

# unit_tests VENV: what needs a framework skips itself where there is none.
unit_tests() {
    "$1/bin/pytest" -n 2 -q 2>&1 | tee "$work/unit.log"
    [ -f "$work/tests.log" ] || cp "$work/unit.log" "$work/tests.log"
}

# lint VENV
lint() {
    "$1/bin/pip" install -q 'pypack-engine[dev]' # its extra: the package itself is installed already
    "$1/bin/ruff" check
    "$1/bin/ruff" format --check
    git ls-files 'csrc/*.cpp' 'csrc/*.hpp' 'tests/*.cpp' | xargs "$1/bin/clang-format" --dry-run -Werror
    "$1/bin/codespell"
    "$1/bin/mypy"
    # Away from the source tree, whose pypack/ has no compiled extension.
    local python=$PWD/$1/bin/python allowed=$PWD/.ci/stubtest-allowlist
    (cd "$work" && "$python" -m mypy.stubtest pypack._core --allowlist "$allowed")
}

# pages VENV: every table and picture is that of its result file.
pages() {
    "$1/bin/python" bench tables --check
    "$1/bin/python" bench picture --check
}

# site VENV: the pages as a site, every link of which leads somewhere.
site() {
    "$1/bin/pip" install -q 'pypack-engine[site]'
    "$1/bin/python" docs/site/build.py "$work/site"
}

# sanitizer_programs VENV: parts of the core and the fuzz targets under ASan and UBSan, then threads under TSan.
sanitizer_programs() {
    "$1/bin/pip" install -q cmake ninja pybind11
    build_sanitized "$1" address,undefined sanitize_programs fuzz_targets
    build_sanitized "$1" thread sanitize_programs
    local program
    for program in "$work"/address,undefined/sanitize_* "$work"/thread/sanitize_*; do
        echo "$(basename "$program") under $(basename "$(dirname "$program")")"
        "$program"
    done
    for program in "$work"/address,undefined/fuzz_*; do
        echo "$(basename "$program"), ${PYPACK_FUZZ_SECONDS:-10} s"
        (cd "$work" && "$program" "${PYPACK_FUZZ_SECONDS:-10}")
    done
}

# ray_tests VENV: jobs on clusters of Ray on this machine, which take a while to start.
ray_tests() {
    "$1/bin/pip" install -q 'pypack-engine[ray]'
    PYPACK_TEST_RAY=1 "$1/bin/pytest" -q tests/jobs/test_ray.py
}

# build_sanitized VENV SANITIZERS TARGET...
build_sanitized() {
    local folder=$work/$2
    "$1/bin/cmake" -S . -B "$folder" -G Ninja -DCMAKE_MAKE_PROGRAM="$PWD/$1/bin/ninja" \
        -DPython_EXECUTABLE="$PWD/$1/bin/python" -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS="-O1 -g1" \
        -DPYPACK_WERROR=ON -DPYPACK_SANITIZE="$2" -DPYPACK_SANITIZE_PROGRAMS=ON -DPYPACK_FUZZ=ON \
        >"$work/cmake.log" || { cat "$work/cmake.log"; return 1; }
    "$1/bin/cmake" --build "$folder" --target "${@:3}" >"$work/build.log" ||
        { tail -n 50 "$work/build.log"; return 1; }
}

# clean_install VENV: what a user gets.
clean_install() {
    "$1/bin/python" -m build -q --outdir "$work/dist" .
    python3 -m venv "$work/clean"
    "$work/clean/bin/pip" install -q "$work"/dist/*.whl
    (cd "$work" && "$work/clean/bin/python" - <<'PYTHON'
import sys, time
start = time.perf_counter()
import pypack
seconds = time.perf_counter() - start
heavy = {"torch", "transformers", "jax", "pyarrow", "tokenizers", "datasets", "numpy"} & sys.modules.keys()
assert not heavy, f"import pypack pulls in {heavy}"
assert seconds < 0.1, f"import pypack takes {seconds:.2f} s"
print(f"import pypack {pypack.__version__}: {seconds * 1000:.0f} ms")
PYTHON
    )
    (cd "$work" && "$work/clean/bin/pypack" demo --json >demo.json && python3 -m json.tool demo.json >/dev/null)
}

# other_tokenizers VENV: without the tokenizers library, and with 0.21, 0.22 and 1.0 of it, beside the one of the
# tests. After clean_install, which makes the wheel.
other_tokenizers() {
    local script=$PWD/.ci/other_tokenizers.py
    # Away from the source tree, whose pypack/ has no compiled extension.
    local python=$PWD/$1/bin/python
    (cd "$work" && "$python" "$script" fallback >tokenizers.txt)
    (cd "$work" && clean/bin/python "$script" | diff tokenizers.txt -)
    python3 -m venv "$work/tokenizers1"
    "$work/tokenizers1/bin/pip" install -q --pre "$work"/dist/*.whl 'tokenizers==1.0.0rc3'
    (cd "$work" && tokenizers1/bin/python "$script" fallback | diff tokenizers.txt -)
    local version
    for version in 0.21.4 0.22.2; do
        "$work/tokenizers1/bin/pip" install -q --no-deps --target "$work/tokenizers-$version" "tokenizers==$version"
        (cd "$work" && PYTHONPATH="$work/tokenizers-$version" tokenizers1/bin/python "$script" fallback |
            diff tokenizers.txt -)
        PYTHONPATH=$work/tokenizers-$version "$1/bin/pytest" -q -n 2 tests/tokenizer/test_decoding.py \
            tests/tokenizer/native/test_unicode_classes.py tests/tokenizer/native/test_random_tokenizers.py
    done
    (cd "$work" && tokenizers1/bin/pypack demo --json >demo1.json && python3 -m json.tool demo1.json >/dev/null)
}

# other_readers VENV: MDS, LitData and ArrayRecord by the readers of their own libraries.
other_readers() {
    "$1/bin/pip" install -q --no-deps --target "$work/readers" -r tests/fixtures/other_readers.txt
    PYTHONPATH=$work/readers "$1/bin/pytest" -q tests/formats/test_peer_readers.py | tee "$work/readers.log"
    grep -q '^3 passed' "$work/readers.log" # none skips itself
}

# other_python VERSION: the tests that need no framework under another Python, where it is installed.
other_python() {
    local python
    for python in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python; do
        # A shim of pyenv may stand for a version that is not chosen.
        "$python" -c "import sys, venv; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null || continue
        build_for_unit_tests "$python" "$work/python$1"
        # What the version of Python decides does not need many random cases.
        PYPACK_TEST_SCALE=${PYPACK_TEST_SCALE:-0.2} unit_tests "$work/python$1"
        return
    done
    echo "Python $1 is not installed on this machine: not tested"
}
