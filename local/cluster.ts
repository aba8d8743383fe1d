import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { join, resolve } from 'node:path'
import { WeftError } from '../core/errors.ts'
import { ControlClient } from './control/client.ts'
import { openInput } from './manifest/inputs.ts'
import type { OpenInput } from './manifest/inputs.ts'
import type { AdmissionOptions } from './node/admission.ts'
import { followedDirectories } from './node/messages.ts'
import type { FromNode, NodeConfig, NodePlan, ToNode } from './node/messages.ts'
import type { ProblemChange } from './problems/problem-board.ts'
import { NODE_PROGRAM, packagesFolder, PROGRAM_FOLDER, WEFT_PROGRAM } from './program.ts'
import { SYSTEM_PATH, ensureRequirements } from './requirements.ts'
import {
  claimStateDirectory,
  clearStateDirectory,
  clusterFlags,
  controlSocket,
  DEFAULT_NAME,
  stateDirectory,
} from './state-directory.ts'

export interface ClusterOptions {
  /** Manifests: directories, kustomize folders, files, `-` for stdin; all but stdin are watched. */
  readonly manifests: readonly string[]
  /** Follows copies of them instead: `LocalCluster.manifests` says where. */
  readonly copy?: boolean
  readonly name?: string
  readonly stateDir?: string
  /** Image name -> folder that is mounted at /app. */
  readonly images?: Readonly<Record<string, string>>
  /** Brings the control plane and the injector up first; true unless said otherwise. */
  readonly mesh?: boolean
  /** One node unless said otherwise. */
  readonly nodes?: NodePlan
  /** Where the control plane passes reports on to, e.g. `http://collector.tracing:4317`. */
  readonly collector?: string | undefined
  /** A webhook that new pods are shown to, when `mesh` is false. */
  readonly admission?: AdmissionOptions
  /** Programs needed beyond the cluster's own, each with its Debian package. */
  readonly programs?: readonly (readonly [program: string, debianPackage: string])[]
  /** This process ends with the cluster, so `weft local down` waits for that, too. */
  readonly endsProcess?: boolean
  /** Ends the start in the middle; what `startCluster` gave then rejects, with nothing left behind. */
  readonly signal?: AbortSignal
  readonly onProgress?: (line: string) => void
  readonly onWarning?: (line: string) => void
  /** Problems of manifests, pods and the mesh, as they come and are mended. */
  readonly onProblems?: (change: ProblemChange) => void
}

/** A cluster that runs for as long as this process does. */
export interface LocalCluster extends Omit<ControlClient, 'close' | 'down'> {
  readonly stateDir: string
  /** The directories that it follows. */
  readonly manifests: readonly string[]
  /** Resolves when every pod is ready for the first time; rejects when the cluster ends before. */
  readonly ready: Promise<void>
  /** Why the cluster ended, when nobody asked it to. */
  readonly failure: string | undefined
  /** Resolves when the cluster has ended, whoever ended it. */
  readonly closed: Promise<void>
  /** Listens on 127.0.0.1 of this machine and pipes to a Service (`name.namespace:port`); gives the port. */
  expose(target: string, hostPort?: number): Promise<number>
  /** Ends every pod in order, then everything; nothing is left behind. Called again, it ends all at once. */
  close(): Promise<void>
}

const CLOSE_TIMEOUT_MS = 15_000
const ONE_NODE: NodePlan = { count: 1, network: 'vxlan', zones: [] }

/** Starts a cluster in namespaces of its own. Throws a WeftError that says what the machine or the options lack. */
export async function startCluster(options: ClusterOptions): Promise<LocalCluster> {
  const progress = options.onProgress ?? (() => {})
  for (const folder of Object.values(options.images ?? {})) requireDirectory(folder, '--image')
  const inputs = await Promise.all(options.manifests.map((path) => openInput(path, process.stdin)))
  await ensureRequirements(progress, [
    ...(options.programs ?? []),
    ...((options.nodes ?? ONE_NODE).count > 1 ? ([['bridge', 'iproute2']] as const) : []),
  ])
  options.signal?.throwIfAborted()
  const packages = packagesFolder()
  requireReadable(packages)
  const stateDir = stateDirectory(options.name ?? DEFAULT_NAME, options.stateDir)
  const flags = clusterFlags(options.name ?? DEFAULT_NAME, options.stateDir)
  const existed = existsSync(stateDir)
  await claimStateDirectory(stateDir, flags)
  options.signal?.throwIfAborted()
  const child = spawnNode()
  const config: NodeConfig = {
    name: options.name ?? DEFAULT_NAME,
    stateDirectory: stateDir,
    flags,
    manifests: inputs.map(({ input }) => input),
    copyManifests: options.copy ?? false,
    images: Object.entries(options.images ?? {}).map(([name, folder]) => [name, resolve(folder)] as const),
    endsWith: [child.pid, options.endsProcess === true ? process.pid : undefined].filter(
      (pid) => pid !== undefined,
    ),
    project: PROGRAM_FOLDER,
    packages,
    nodeBinary: process.execPath,
    mesh: options.mesh ?? true,
    nodes: options.nodes ?? ONE_NODE,
    collector: options.collector,
    admission: options.admission,
  }
  return new Launcher(child, config, inputs, options, existed).start()
}

function requireDirectory(path: string, flag: string): void {
  const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
  if (!isDirectory) throw new WeftError('local.no_directory', `${path} is no directory`, { field: flag })
}

/** Containers read the program as users of their own; the directories above it do not matter. */
function requireReadable(packages: string): void {
  for (const path of [PROGRAM_FOLDER, join(PROGRAM_FOLDER, WEFT_PROGRAM), packages]) {
    const found = statSync(path, { throwIfNoEntry: false })
    const wanted = found?.isFile() ? 0o004 : 0o005
    if (((found?.mode ?? 0) & wanted) === wanted) continue
    throw new WeftError(
      'local.unreadable',
      `${path} must be readable for all users: chmod -R o+rX ${found?.isFile() ? PROGRAM_FOLDER : path}`,
    )
  }
}

/**
 * The node in new mount, network, PID (and, without root, user) namespaces. A shell is process 1 there:
 * it reaps orphans, and when it or unshare goes, the kernel ends all the rest.
 */
function spawnNode(): ChildProcess {
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user', '--map-auto']
  // NODE_OPTIONS of whoever runs this name files that containers do not see.
  const script = 'unset NODE_OPTIONS; "$0" "$1" & wait $!'
  const namespaces = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc']
  return spawn(
    'unshare',
    [...user, ...namespaces, '--', '/bin/sh', '-c', script, process.execPath, NODE_PROGRAM],
    {
      // In a session of its own: Ctrl-C reaches the launcher, which then ends the cluster in order.
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { PATH: SYSTEM_PATH, HOME: process.env['HOME'] ?? '/', LANG: 'C.UTF-8' },
      serialization: 'json',
    },
  )
}

class Launcher {
  readonly #child: ChildProcess
  readonly #config: NodeConfig
  readonly #inputs: readonly OpenInput[]
  readonly #options: ClusterOptions
  readonly #keepDirectory: boolean
  readonly #up = Promise.withResolvers<void>()
  readonly #ready = Promise.withResolvers<void>()
  readonly #closed = Promise.withResolvers<void>()
  readonly #client: ControlClient
  #stderr = ''
  #failure: string | undefined
  #closing = false

  #unwatch: readonly (() => void)[] = []

  constructor(
    child: ChildProcess,
    config: NodeConfig,
    inputs: readonly OpenInput[],
    options: ClusterOptions,
    keepDirectory: boolean,
  ) {
    this.#child = child
    this.#config = config
    this.#inputs = inputs
    this.#options = options
    this.#keepDirectory = keepDirectory
    this.#client = new ControlClient(controlSocket(config.stateDirectory))
    // Whoever does not wait for these is not to be ended by them.
    this.#ready.promise.catch(() => {})
    this.#up.promise.catch(() => {})
  }

  async start(): Promise<LocalCluster> {
    const child = this.#child
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString('utf8')).slice(-4000)
    })
    child.on('message', (message: FromNode) => this.#receive(message))
    child.on('error', (error) => this.#end(`unshare could not be started: ${error.message}`))
    // Not `exit`: stderr closes with the last process inside, so that nobody writes to what is cleared away.
    child.on('close', (code) => {
      if (code !== 0 && !this.#closing)
        this.#failure ??= `the node ended (exit code ${code}) ${this.#stderr.trim()}`.trim()
      this.#end(this.#failure ?? 'the cluster was ended')
    })
    this.#send({ type: 'start', config: this.#config })
    const abort = () => this.kill()
    this.#options.signal?.addEventListener('abort', abort)
    try {
      await this.#up.promise
    } catch (error) {
      await this.#closed.promise
      throw error
    } finally {
      this.#options.signal?.removeEventListener('abort', abort)
    }
    this.#unwatch = this.#inputs.map((input, index) =>
      input.watch(
        (text) => this.#send({ type: 'manifests', index, text }),
        (message) => this.#options.onWarning?.(message),
      ),
    )
    return this.#handle()
  }

  #receive(message: FromNode): void {
    switch (message.type) {
      case 'progress':
        this.#options.onProgress?.(message.line)
        break
      case 'warning':
        this.#options.onWarning?.(message.line)
        break
      case 'problems':
        this.#options.onProblems?.(message.change)
        break
      case 'up':
        this.#up.resolve()
        break
      case 'ready':
        this.#ready.resolve()
        break
      case 'failed':
        this.#failure = message.message
    }
  }

  #send(message: ToNode, handle?: Server | Socket, sent = () => {}): void {
    if (this.#child.connected) this.#child.send(message, handle, sent)
    else sent()
  }

  #end(reason: string): void {
    const error = new WeftError('local.ended', reason)
    this.#up.reject(error)
    this.#ready.reject(error)
    clearStateDirectory(this.#config.stateDirectory, !this.#keepDirectory)
    for (const unwatch of this.#unwatch) unwatch()
    void this.#client.close()
    this.#closed.resolve()
  }

  #handle(): LocalCluster {
    const client = this.#client
    const failure = () => this.#failure
    return {
      get failure() {
        return failure()
      },
      stateDir: this.#config.stateDirectory,
      manifests: followedDirectories(this.#config),
      ready: this.#ready.promise,
      closed: this.#closed.promise,
      status: () => client.status(),
      pod: (pod) => client.pod(pod),
      events: () => client.events(),
      canaries: () => client.canaries(),
      askCanary: (namespace, name, request) => client.askCanary(namespace, name, request),
      deletePod: (pod, options) => client.deletePod(pod, options),
      restart: (pod, options) => client.restart(pod, options),
      kill: (pod, options) => client.kill(pod, options),
      hold: (pod, container) => client.hold(pod, container),
      release: (pod, container) => client.release(pod, container),
      exec: (pod, argv, options) => client.exec(pod, argv, options),
      execStreams: (request, streams) => client.execStreams(request, streams),
      logs: (pod, options) => client.logs(pod, options),
      node: (action, name, options) => client.node(action, name, options),
      capture: (pod, filter, node) => client.capture(pod, filter, node),
      expose: (target, hostPort) => this.#expose(target, hostPort),
      close: () => this.#close(),
    }
  }

  /** The listening socket is the machine's; the node accepts from it and connects inside its own network. */
  async #expose(target: string, hostPort = 0): Promise<number> {
    if (!/^[a-z0-9-]+\.[a-z0-9-]+:\d+$/.test(target)) {
      throw new WeftError('local.expose', `\`${target}\` is not of the form service.namespace:port`, {
        field: '--expose',
      })
    }
    // What connects before the node has its own copy is passed on too: this side serves nobody.
    const server = createServer({ pauseOnConnect: true }, (socket) =>
      this.#send({ type: 'exposed', target }, socket),
    )
    server.listen(hostPort, '127.0.0.1')
    try {
      await once(server, 'listening')
    } catch (cause) {
      throw new WeftError('local.port_taken', `port ${hostPort} of this machine is taken`, {
        field: '--expose',
        cause,
      })
    }
    const { port } = server.address() as AddressInfo
    await new Promise<void>((resolve) =>
      this.#send({ type: 'expose', target }, server, () => server.close(() => resolve())),
    )
    return port
  }

  /** Ends everything at once: the kernel takes what lives in the namespaces of a killed first process. */
  kill(): void {
    this.#closing = true
    this.#child.kill('SIGKILL')
  }

  async #close(): Promise<void> {
    if (this.#closing) this.kill()
    this.#closing = true
    this.#send({ type: 'down' })
    const timer = setTimeout(() => this.kill(), CLOSE_TIMEOUT_MS)
    await this.#closed.promise
    clearTimeout(timer)
  }
}
