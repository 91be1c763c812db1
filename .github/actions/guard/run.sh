#!/usr/bin/env bash
# Runs the guard for action.yml: report files, job summary, outputs, and the guard's own exit status.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)"
out="$GUARD_OUTPUT_DIR"

arguments=(
  --summary "$GUARD_SUMMARY"
  --metrics-gates "$GUARD_METRICS_GATES"
  --output-json "$out/guard.json"
  --output-md "$out/guard.md"
  --output-env "$out/guard.env"
  --github-annotations
)
[[ -z "${GUARD_ROLLOUT:-}" ]] || arguments+=(--rollout "$GUARD_ROLLOUT")
[[ "${GUARD_FAIL_ON_FALLBACK:-}" != true ]] || arguments+=(--fail-on-fallback)
[[ "${GUARD_REQUIRE_EVIDENCE:-}" != true ]] || arguments+=(--require-evidence)
while IFS= read -r option; do
  [[ -z "$option" ]] || arguments+=("$option")
done <<<"${GUARD_OPTIONS:-}"

code=0
python3 "$root/scripts/ops/canary_rollout_guard.py" "${arguments[@]}" || code=$?

status="" step=""
if [[ -f "$out/guard.json" ]]; then
  read -r status step < <(python3 -c '
import json, sys
with open(sys.argv[1], encoding="utf-8") as file:
    report = json.load(file)
print(report["status"], report["recommended_fallback"]["step"])' "$out/guard.json")
  cat "$out/guard.md" >>"$GITHUB_STEP_SUMMARY"
fi
{
  echo "status=$status"
  echo "step=$step"
  echo "exit-code=$code"
} >>"$GITHUB_OUTPUT"
exit "$code"
