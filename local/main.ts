import { describeError } from '../core/errors.ts'
import { runIngress } from './ingress/main.ts'
import { runUp } from './up.ts'
import { runAgainst } from './remote-commands.ts'
import { FlagError } from './flags.ts'
import { runValidate } from './validate.ts'

const USAGE = `usage: weft local COMMAND [OPTIONS]

Runs ordinary Kubernetes manifests on this machine, without containers: a pod is a network namespace,
its containers are processes in it. Everything goes when the cluster ends: by Ctrl-C, by \`down\`, or
with the process that started it.

  up -f PATH                 start a cluster from manifests, watched for changes
  validate -f PATH           say what is wrong with manifests, and start nothing
  status                     pods, services, problems and messages: which pods do not get on, and why
  describe POD               one pod with its containers and its events
  events                     what happened to pods and to what makes them
  logs POD                   what a container said since it last started
  exec POD -- COMMAND        run a command beside a container: its input, output and exit code are the command's
  restart POD                end containers in order and start them again
  kill POD                   send a signal (SIGKILL) to containers
  hold POD, release POD      keep containers down once they ended, and let them start again
  delete POD                 end a pod; its Deployment makes another
  down                       end the cluster

POD is a name, namespace/name, or the name of a Deployment with one pod.

options of up:
  -f PATH                    manifests: a directory, a kustomize folder (needs kubectl or kustomize), a file, or -
                             for stdin; may be given several times
  --image NAME=FOLDER        the folder that an image name stands for, mounted at /app
  --expose SVC.NS:PORT[=HOSTPORT]  a Service on 127.0.0.1 of this machine
  --no-mesh                  without control plane and injector
  --state-dir DIR            where logs and generated objects are while it runs
options of validate: -f PATH (a directory, a file, or - for stdin; may be given several times), --json; the exit code
                             is 1 when there is an error, 0 with warnings only
options of logs: -f (follow), --tail N, -p or --previous (the run before)
options of exec: --timeout TIME (90, 90s, 2m; then exit code 124; no limit unless given), -t (in a
  terminal), -i (always so)
options of logs, exec, restart, kill, hold, release: -c CONTAINER
options of kill: --signal NAME
options of status, describe, events: --json
options of all: --name NAME (the cluster's, \`weft\` unless given), --state-dir DIR`

/** `weft local ...`. Gives the exit code: 0, 1 when it failed, 2 when it was asked wrongly. */
export async function runLocal(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv
  const end = rest.indexOf('--')
  // What follows `--` is the command of `exec`, with a --help of its own.
  const help = (end === -1 ? rest : rest.slice(0, end)).some((word) => word === '--help' || word === '-h')
  if (name === undefined || name === '--help' || name === '-h' || help) {
    console.log(USAGE)
    return name === undefined ? 2 : 0
  }
  try {
    if (name === 'up') return await runUp(rest)
    if (name === 'validate') return await runValidate(rest)
    // The cluster's own: of no use to people.
    return name === 'ingress' ? await runIngress(rest) : await runAgainst(name, rest)
  } catch (error) {
    console.error(`weft local ${name}: ${describeError(error)}`)
    return error instanceof FlagError ? 2 : 1
  }
}
