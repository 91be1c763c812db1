"""`python -m pecr_demo`: the whole story, live, in under four minutes."""

import sys
from pathlib import Path

from localcluster.errors import LocalClusterError
from pecr_demo.play import Player, StoryBroken
from pecr_demo.stage import NAMESPACE, set_up

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "demo"
SAMPLE = ROOT / "manifests" / "samples" / "demo" / "rollout.yaml"


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def main() -> int:
    """Play the story and give the exit status."""
    BUILD.mkdir(parents=True, exist_ok=True)
    say("A real API server and a real Prometheus are started; windows are short (seconds).")
    try:
        with set_up(BUILD, ROOT / "crds") as cluster:
            say(f"$ kubectl apply -f {SAMPLE.relative_to(ROOT)}")
            cluster.kubectl("apply", "-f", str(SAMPLE), namespace=NAMESPACE)
            player = Player(cluster, "rlm-engine", say)
            try:
                player.play()
            finally:
                player.write(BUILD / "timeline.json")
    except (StoryBroken, LocalClusterError) as error:
        print(f"demo failed: {error}", file=sys.stderr)
        return 1
    say("The timeline is in build/demo/timeline.json; nothing is left running.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
