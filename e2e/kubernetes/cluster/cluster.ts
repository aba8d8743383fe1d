import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { WeftError } from '../../../core/errors.ts'
import { mustRun, runCommand } from '../../../local/node/run-command.ts'
import type { CommandOptions, CommandResult } from '../../../local/node/run-command.ts'
import { SYSTEM_PATH } from '../../../local/requirements.ts'
import { API_PARTS, ensurePrograms, NODE_PARTS, type Programs } from '../programs/programs.ts'
import { API_PORT } from './addresses.ts'
import { makeCgroups } from './cgroups.ts'
import { writeImages, type Images } from './image/image.ts'
import { ownImages } from './image/own-images.ts'
import { Launcher } from './launcher.ts'
import type { InsideConfig, Restartable } from './messages.ts'
import { requireMachine } from './machine-lacks.ts'
import { spawnInside } from './namespaces.ts'
import { IDENTITIES, kubeconfig, writePki } from './pki.ts'

export interface ClusterOptions {
  /** `api`: etcd, API server and controller manager. `node`: also a scheduler, a kubelet with containerd, and DNS. */
  readonly mode: 'api' | 'node'
  /** More flags of kube-apiserver. */
  readonly apiServerFlags?: readonly string[]
  readonly onProgress?: (line: string) => void
}

/** A Kubernetes cluster of one node that runs for as long as this process does. */
export interface KubernetesCluster {
  /** Path of a kubeconfig of cluster-admin that works on this machine, through a port of 127.0.0.1. */
  readonly kubeconfig: string
  /** Path of one that works inside, with `exec`: the API server itself, no relay between. */
  readonly insideKubeconfig: string
  readonly programs: Programs
  /** Logs of all programs, as long as it runs. */
  readonly logs: string
  /** Why it ended, or which program did, when nobody asked for it. */
  readonly failure: string | undefined
  readonly closed: Promise<void>
  /** Runs kubectl on this machine. Throws WeftError `kubernetes.kubectl` with what it said unless it exits with 0. */
  kubectl(
    args: readonly string[],
    options?: { readonly stdin?: string; readonly timeoutMs?: number },
  ): Promise<string>
  /** The command line that `kubectl` runs, for who wants its exit code or the process itself. */
  kubectlArgv(args: readonly string[]): string[]
  /** Runs a program in the cluster's namespaces, on its node; PATH has the cluster's programs, KUBECONFIG is set. */
  exec(argv: readonly string[], options?: CommandOptions): Promise<CommandResult>
  /** The command line that `exec` runs, for who wants the process itself. */
  execArgv(argv: readonly string[]): string[]
  /** The command line that runs a program of the machine with the node's network; it becomes that program. */
  networkArgv(argv: readonly string[]): string[]
  /** Gives containerd images; pods then name them, with any `imagePullPolicy` but Always. */
  loadImages(images: Images): Promise<void>
  /** Kills a program, as a crash would. */
  end(program: Restartable): Promise<void>
  /** Starts it again; resolves when the API server is ready. */
  begin(program: Restartable): Promise<void>
  restartApiServer(): Promise<void>
  /** Ends all of it at once; nothing is left. */
  stop(): Promise<void>
}

/**
 * Starts a cluster in namespaces of its own, once its programs are there (the first time they are built: many minutes).
 * Resolves when it is ready. Throws WeftError `programs.lack` if something cannot be had on this machine.
 */
export async function startCluster(options: ClusterOptions): Promise<KubernetesCluster> {
  const progress = options.onProgress ?? (() => {})
  await requireMachine(progress)
  const programs = await ensurePrograms(options.mode === 'api' ? API_PARTS : NODE_PARTS, progress)
  const state = mkdtempSync(join(tmpdir(), 'weft-kubernetes-'))
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const kubeconfigs = writeState(state, port)
  if (options.mode === 'node') writeImages(join(state, 'images', 'own.tar'), ownImages(programs))
  const config: InsideConfig = {
    mode: options.mode,
    state,
    directories: programs.directories,
    apiServerFlags: options.apiServerFlags ?? [],
  }
  const child: ChildProcess = spawnInside(state, makeCgroups(basename(state)))
  const launcher = new Launcher(child, progress, join(state, 'log'))
  await launcher.start(config, server)

  const env = {
    PATH: [...programs.directories, SYSTEM_PATH].join(':'),
    HOME: '/run/home',
    KUBECONFIG: kubeconfigs.inside,
  }
  const first = readFileSync(join(state, 'pid'), 'utf8').trim()
  const execArgv = (argv: readonly string[]) => [
    ...['nsenter', '-t', first, '-m', '-n', '-u', '-i', '-p', '-C', '--'],
    ...['env', '-i', ...Object.entries(env).map(([name, value]) => `${name}=${value}`), ...argv],
  ]
  const kubectlArgv = (args: readonly string[]) => [
    programs.path('kubectl'),
    '--kubeconfig',
    kubeconfigs.outside,
    '--cache-dir',
    join(state, 'kubectl-cache'),
    ...args,
  ]
  let archives = 0
  return {
    kubeconfig: kubeconfigs.outside,
    insideKubeconfig: kubeconfigs.inside,
    programs,
    logs: join(state, 'log'),
    get failure() {
      return launcher.failure
    },
    closed: launcher.closed,
    kubectlArgv,
    async kubectl(args, { stdin, timeoutMs } = {}) {
      const result = await runCommand(kubectlArgv(args), {
        ...(stdin === undefined ? {} : { input: stdin }),
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      })
      if (result.code === 0) return result.stdout
      throw new WeftError(
        'kubernetes.kubectl',
        `kubectl ${args.join(' ')} (${result.code}): ${result.stderr.trim()}`,
      )
    },
    exec: (argv, its) => runCommand(execArgv(argv), its),
    execArgv,
    networkArgv: (argv) => ['nsenter', '-t', first, '-n', '--', ...argv],
    async loadImages(images) {
      if (options.mode === 'api')
        throw new WeftError('kubernetes.mode', 'mode `api` has no containerd to load an image into')
      const archive = join(state, 'images', `${archives++}.tar`)
      writeImages(archive, images)
      await mustRun(execArgv(['ctr', '--namespace', 'k8s.io', 'images', 'import', archive]))
      rmSync(archive)
    },
    end: (program) => launcher.ask('end', program),
    begin: (program) => launcher.ask('begin', program),
    async restartApiServer() {
      await launcher.ask('end', 'kube-apiserver')
      await launcher.ask('begin', 'kube-apiserver')
    },
    stop: () => launcher.stop(),
  }
}

/** Certificates and kubeconfigs. */
function writeState(state: string, port: number): { outside: string; inside: string } {
  const pki = join(state, 'pki')
  for (const name of ['pki', 'kubeconfig', 'log', 'images']) mkdirSync(join(state, name))
  writePki(pki)
  const pem = (name: string) => readFileSync(join(pki, name), 'utf8')
  const write = (name: string, identity: string, at: string) => {
    const path = join(state, 'kubeconfig', name)
    const pems = { ca: pem('ca.crt'), certificate: pem(`${identity}.crt`), key: pem(`${identity}.key`) }
    writeFileSync(path, kubeconfig(at, pems), { mode: 0o600 })
    return path
  }
  const inside = `https://127.0.0.1:${API_PORT}`
  for (const name of Object.keys(IDENTITIES)) write(name, name, inside)
  return {
    outside: write('outside', 'admin', `https://127.0.0.1:${port}`),
    inside: write('inside', 'admin', inside),
  }
}
