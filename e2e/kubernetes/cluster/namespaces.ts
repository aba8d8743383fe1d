import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { SYSTEM_PATH } from '../../../local/requirements.ts'

const UNSHARE = 'unshare --mount --net --uts --ipc --pid --cgroup --fork --kill-child=KILL'

/**
 * Process 1 of the cluster: a shell, because it reaps what is left to it. /proc is still the machine's at first, so that
 * its own id there can be told to who wants to come in; then it mounts one that shows the cluster's processes only.
 */
const FIRST = `read -r id _ < /proc/self/stat; echo $id > "$1/pid"; mount -t proc proc /proc; "$2" "$3" & wait $!`

/**
 * Outside, in a session of its own, so that no signal meant for the launcher reaches it. It joins the cluster's cgroups
 * in a process that becomes unshare, waits for the cluster's end however that comes, and clears away what is not bound to
 * the namespaces: cgroups and the directory.
 */
const SUPERVISOR = `
state=$1 main=$2 node=$3; shift 3
trap '' HUP INT TERM
sh -c 'state=$1 main=$2 node=$3; shift 3
  for group do echo 0 > "$group/cgroup.procs"; done
  exec ${UNSHARE} -- sh -c "$FIRST" first "$state" "$node" "$main"' join "$state" "$main" "$node" "$@" &
wait $!
code=$?
for group do
  tries=0
  while ! { find "$group" -depth -type d -exec rmdir {} + 2>/dev/null; [ ! -d "$group" ]; }; do
    tries=$((tries + 1)); [ $tries -gt 100 ] && break; sleep 0.05
  done
done
rm -rf "$state"
exit $code
`

/**
 * Starts the process that runs a cluster, in mount, network, UTS, IPC, PID and cgroup namespaces of its own. It ends
 * when its IPC channel closes, so with this process, and takes all others of its PID namespace along.
 * `state`: removed at the end. `cgroups`: directories that it joins, removed too.
 */
export function spawnInside(state: string, cgroups: readonly string[]): ChildProcess {
  const main = fileURLToPath(new URL('./node/main.ts', import.meta.url))
  return spawn('/bin/sh', ['-c', SUPERVISOR, 'supervisor', state, main, process.execPath, ...cgroups], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { PATH: SYSTEM_PATH, HOME: '/', LANG: 'C.UTF-8', FIRST },
    serialization: 'json',
  })
}
