#!/usr/bin/env bash
# Runs a job of this project with spark-submit, from any folder.
#
#   ./spark-submit.sh [spark-submit options] jobs/NAME.py [job options]
#
# Spark's settings come from conf/spark/ENV.conf (--env of the job, default local); options on this
# command line take precedence. `jobs/NAME.py --help` lists the job's options.
set -euo pipefail

home=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
usage() {
  sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
  echo "Jobs:"
  (cd "$home" && find jobs -name '*.py' | sort | sed 's/^/  /')
}

case "${1:-}" in
  "" | -h | --help)
    usage
    exit 0
    ;;
esac

# The job is the first argument that is a Python file; arguments before it are for spark-submit.
submit=()
while [ $# -gt 0 ] && [[ "$1" != *.py ]]; do
  submit+=("$1")
  shift
done
if [ $# -eq 0 ]; then
  echo "kinfold: no job in the arguments. Usage: ./spark-submit.sh [spark-submit options] jobs/NAME.py [job options]" >&2
  exit 2
fi
job=$1
shift
[ -f "$job" ] || job="$home/$job"
if [ ! -f "$job" ]; then
  echo "kinfold: ${job#"$home/"}: there is no such job. Jobs: $(cd "$home" && find jobs -name '*.py' | sort | tr '\n' ' ')" >&2
  exit 2
fi

"$home/bin/require-java" >/dev/null
if [ ! -x "$home/.venv/bin/python" ]; then
  echo "kinfold: the environment is missing. Run 'make setup' in $home first." >&2
  exit 2
fi

env=local
level=fatal
previous=
for argument in "$@"; do
  [ "$previous" = --env ] && env=$argument
  case "$argument" in
    --env=*) env=${argument#--env=} ;;
    -v | --verbose) level=info ;;
  esac
  previous=$argument
done

properties=()
[ -f "$home/conf/spark/$env.conf" ] && properties=(--properties-file "$home/conf/spark/$env.conf")

export KINFOLD_HOME=${KINFOLD_HOME:-$home}
export PYSPARK_PYTHON=${PYSPARK_PYTHON:-$home/.venv/bin/python}
export PYSPARK_DRIVER_PYTHON=${PYSPARK_DRIVER_PYTHON:-$PYSPARK_PYTHON}
SPARK_HOME=${SPARK_HOME:-$("$home/.venv/bin/python" -c 'import importlib.util as u; print(u.find_spec("pyspark").submodule_search_locations[0])')}
export SPARK_HOME
# bin/setup creates the archive; Java ignores one that does not match.
classes=${KINFOLD_JAVA_OPTIONS-"-XX:SharedArchiveFile=$home/.venv/spark-classes.jsa -Xlog:cds=off -Xlog:cds+dynamic=off"}
command=("$SPARK_HOME/bin/spark-submit" ${properties[@]+"${properties[@]}"}
  --driver-java-options "-Dlog4j2.configurationFile=file:$home/conf/spark/log4j2.properties -Dkinfold.log.level=$level -XX:+UseParallelGC $classes"
  ${submit[@]+"${submit[@]}"} "$job" "$@")

# The job runs in its own process group, because only Python may get Ctrl-C and SIGTERM: it ends a
# stream between two batches, while Spark's Java process would end at once, during a batch.
set -m
if [ "$level" = info ]; then
  "${command[@]}" &
else
  # Java warns about a module that Spark always uses; the user cannot do anything about it.
  "${command[@]}" 2> >(grep -v --line-buffered 'Using incubator modules' >&2) &
fi
child=$!
set +m
stop() {
  pkill "-$1" -P "$child" -f -- "$job" || kill "-$1" "$child" 2>/dev/null || true
}
trap 'stop TERM' TERM HUP
trap 'stop INT' INT
# A signal ends `wait`, but not the job.
while kill -0 "$child" 2>/dev/null; do wait "$child" || true; done
code=0
wait "$child" || code=$?
exit "$code"
