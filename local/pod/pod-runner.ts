import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { WeftError, describeError } from '../../core/errors.ts'
import { ZONE_LABEL } from '../../core/contract.ts'
import type { PodTemplate } from '../manifest/objects.ts'
import { parsePodSpec } from '../manifest/parse-pod.ts'
import type { ContainerSpec, PodSpec } from '../manifest/pod-spec.ts'
import { addPodNetwork, removePodNetwork } from '../network/pod-network.ts'
import type { PodNetwork } from '../network/pod-network.ts'
import type { Placement } from '../node/nodes.ts'
import { runCommand } from '../node/run-command.ts'
import type { CommandResult } from '../node/run-command.ts'
import { containerCommand, execCommand } from './container-command.ts'
import { COMPILE_CACHE, CONTAINER_PATH } from './container-root.ts'
import { ContainerRunner } from './container-runner.ts'
import type { PreparedContainer } from './container-runner.ts'
import { containerUser, prepareSandbox } from './container-sandbox.ts'
import { buildEnvironment, expand } from './environment.ts'
import type { ConfigSource } from './environment.ts'
import type { RecordEvent } from './events.ts'
import type { PodFacts } from './field-ref.ts'
import { borrowedNote, commandLine, resolveImage } from './images.ts'
import type { HasProgram, ImageFolders } from './images.ts'
import { killNamespace } from './kill-namespace.ts'
import { writePodFiles } from './pod-files.ts'
import { perform } from './probe-actions.ts'
import type { ProbeTarget } from './probe-actions.ts'
import { podObject, podPhase, podReady } from './pod-state.ts'
import type { PodState } from './pod-state.ts'
import { PodVolumes } from './volumes.ts'
import type { IssueToken } from './volumes.ts'

/** The Pod as the webhook sees and changes it. */
export interface PodManifest {
  readonly metadata: Readonly<Record<string, unknown>>
  readonly spec: unknown
}

export interface PodRunnerDeps {
  readonly baseRoot: string
  /** A directory on the node's tmpfs for this pod alone. */
  readonly directory: string
  readonly logDirectory: string
  readonly images: ImageFolders
  readonly hasProgram: HasProgram
  readonly ipv6: boolean
  readonly configs: ConfigSource
  /** Where the directories of claims are; they outlive pods. */
  readonly claimDirectory: string
  readonly issueToken: IssueToken
  readonly hostPaths: ReadonlySet<string>
  /** Throws where no node may have a pod of this spec now. */
  place(spec: PodSpec): Placement
  leave(placement: Placement): void
  admit(pod: PodManifest): Promise<PodManifest>
  /** Something about the pod is different now. */
  changed(): void
  /** Resolves once Services know what `changed` announced. */
  published(): Promise<void>
  /** Resolves once the NetworkPolicies that select this pod are in force. */
  isolated(): Promise<void>
  readonly event: RecordEvent
  warn(message: string): void
  /** Says once what the pod's state has from now on. */
  say(message: string): void
}

export interface PodIdentity {
  readonly namespace: string
  readonly name: string
  /** `kind/name` of the controller, undefined for a pod of its own. */
  readonly owner: { readonly kind: string; readonly name: string } | undefined
}

/** What keeps a pod as a whole from getting on. */
export interface PodProblem {
  /** As Kubernetes names it: FailedCreate, FailedScheduling, FailedMount or Failed. */
  readonly reason: string
  readonly message: string
}

const ADMISSION_RETRY_MS = 1000
const SIDECAR_POLL_MS = 20

/** One pod from admission to its end. */
export class PodRunner {
  readonly identity: PodIdentity
  readonly template: PodTemplate
  readonly #deps: PodRunnerDeps
  readonly #uid = randomUUID()
  readonly #createdAt = Date.now()
  #spec: PodSpec
  #manifest: PodManifest
  readonly #said = new Set<string>()
  #deletedAt: number | undefined
  #initialized = false
  #placement: Placement | undefined
  #network: PodNetwork | undefined
  #volumes: PodVolumes | undefined
  #containers: ContainerRunner[] = []
  #problem: PodProblem | undefined
  #running: Promise<void> | undefined
  #stopped: Promise<void> | undefined

  constructor(identity: PodIdentity, template: PodTemplate, deps: PodRunnerDeps) {
    this.identity = identity
    this.template = template
    this.#deps = deps
    this.#spec = template.spec
    this.#manifest = template.raw
  }

  get facts(): PodFacts {
    const metadata = this.#manifest.metadata as {
      labels?: Record<string, string>
      annotations?: Record<string, string>
    }
    const addresses = this.#network?.addresses
    return {
      name: this.identity.name,
      namespace: this.identity.namespace,
      uid: this.#uid,
      labels: metadata.labels ?? {},
      annotations: metadata.annotations ?? {},
      serviceAccount: this.#spec.serviceAccountName,
      node: this.#placement?.node.name ?? '',
      hostIp: this.#placement?.node.network.address.v4 ?? '',
      ips: addresses ? [addresses.v4, ...(this.#deps.ipv6 ? [addresses.v6] : [])] : [],
    }
  }

  get state(): PodState {
    const containers = this.#containers.map((container) => container.status)
    const phase = podPhase(this.#initialized, this.#spec.restartPolicy, containers)
    return {
      facts: this.facts,
      spec: this.#spec,
      phase,
      ready: podReady(phase, this.#initialized, this.#deletedAt !== undefined, containers),
      initialized: this.#initialized,
      createdAt: this.#createdAt,
      deletedAt: this.#deletedAt,
      containers,
    }
  }

  /** Why the pod does not get on, when it does not. */
  get problem(): PodProblem | undefined {
    return this.#problem
  }

  get network(): PodNetwork | undefined {
    return this.#network
  }

  /** The Pod object for other readers; undefined before the pod was admitted and has an address. */
  get object(): object | undefined {
    if (!this.#network) return undefined
    const { owner } = this.identity
    const hashed = owner?.kind === 'Deployment' || owner?.kind === 'ReplicaSet'
    return podObject(this.state, this.#manifest, hashed ? this.template.hash : undefined)
  }

  start(): void {
    this.#running ??= this.#run().catch((error: unknown) => this.#fail('Failed', error))
  }

  /** Ends the pod in order; resolves once nothing of it is left. */
  stop(graceSeconds = this.#spec.terminationGraceSeconds): Promise<void> {
    this.#stopped ??= this.#end(graceSeconds)
    return this.#stopped
  }

  container(name: string): ContainerRunner {
    const found = this.#containers.find((container) => container.spec.name === name)
    if (found) return found
    const names = this.#containers.map((container) => container.spec.name).join(', ')
    throw new WeftError(
      'local.no_container',
      `pod ${this.identity.name} has no container \`${name}\` (it has ${names})`,
    )
  }

  get containers(): readonly ContainerRunner[] {
    return this.#containers
  }

  /** Runs a command inside a container that runs. */
  exec(container: ContainerRunner, argv: readonly string[], timeoutMs: number): Promise<CommandResult> {
    const { argv: line, env } = this.execLine(container, argv)
    return runCommand(line, { env, timeoutMs })
  }

  /** What runs a command inside a container that runs; throws a WeftError when it does not. */
  execLine(
    container: ContainerRunner,
    argv: readonly string[],
  ): { argv: string[]; env: Record<string, string> } {
    const { pid } = container
    if (pid === undefined) {
      throw new WeftError('local.not_running', `container ${container.spec.name} does not run`)
    }
    const env = buildEnvironment(container.spec, this.facts, this.#deps.configs, this.#defaults())
    return { argv: execCommand(pid, containerUser(container.spec, this.#spec), argv), env }
  }

  /** Looks again at what ConfigMaps say: in volumes, and where a container waits for one. */
  async refreshVolumes(): Promise<void> {
    for (const container of this.#containers) container.retry()
    await this.#volumes?.refresh().catch((error: unknown) => this.#deps.warn(describeError(error)))
  }

  async #run(): Promise<void> {
    await this.#admit()
    const placement = await this.#place()
    if (!placement) return
    const { directory } = this.#deps
    await mkdir(directory, { recursive: true })
    await mkdir(this.#deps.logDirectory, { recursive: true })
    const { addresses, node } = placement
    this.#network = await addPodNetwork(addresses, this.#deps.ipv6, node.network)
    this.#deps.event('Normal', 'Scheduled', `has the address ${addresses.v4} on node ${node.name}`)
    await writePodFiles(directory, this.facts, this.#spec)
    this.#volumes = new PodVolumes(directory, this.#spec, this.facts, this.#deps)
    this.#containers = [
      ...this.#spec.initContainers.map((spec) => this.#runner(spec, spec.sidecar ? 'sidecar' : 'init')),
      ...this.#spec.containers.map((spec) => this.#runner(spec, 'app')),
    ]
    this.#deps.changed()
    await this.#prepareVolumes(this.#volumes)
    // Before anything of the pod runs, or it could pass in the moment between.
    await this.#deps.isolated()
    for (const container of this.#containers.slice(0, this.#spec.initContainers.length)) {
      if (this.#gone) return
      const ended = container.run()
      if (container.spec.sidecar) {
        while (!container.started && !this.#gone) await delay(SIDECAR_POLL_MS)
      } else if ((await ended) !== 0) {
        return
      }
    }
    if (this.#gone) return
    this.#initialized = true
    const apps = this.#containers.filter((container) => container.status.kind === 'app')
    void Promise.all(apps.map((container) => container.run())).then(() => this.#endSidecars())
    this.#deps.changed()
  }

  /** A pod whose containers have all ended needs its sidecars no more: so a Job's pod ends, too. */
  async #endSidecars(): Promise<void> {
    if (this.#gone) return
    const sidecars = this.#containers.filter((container) => container.status.kind === 'sidecar')
    for (const sidecar of sidecars.toReversed()) await sidecar.stop(this.#spec.terminationGraceSeconds * 1000)
  }

  get #gone(): boolean {
    return this.#deletedAt !== undefined
  }

  /** Asks the webhook until it has an answer: without one the pod does not start, as failurePolicy Fail says. */
  async #admit(): Promise<void> {
    const { namespace, name, owner } = this.identity
    const { raw } = this.template
    const manifest: PodManifest = {
      metadata: {
        ...raw.metadata,
        name,
        namespace,
        uid: this.#uid,
        ...(owner
          ? {
              ownerReferences: [
                {
                  apiVersion: owner.kind === 'Job' ? 'batch/v1' : 'apps/v1',
                  kind: owner.kind,
                  name: owner.name,
                  controller: true,
                },
              ],
            }
          : {}),
      },
      spec: raw.spec,
    }
    while (!this.#gone) {
      try {
        const admitted = await this.#deps.admit(manifest)
        // What is ignored of its template is in the list of problems; what a webhook added is not for its author to mend.
        this.#spec = parsePodSpec(admitted.spec, 'spec', () => {}, this.#deps.hostPaths)
        this.#manifest = admitted
        this.#problem = undefined
        return
      } catch (error) {
        this.#fail('FailedCreate', error)
        await delay(ADMISSION_RETRY_MS)
      }
    }
  }

  /** Waits for a node that may have the pod; undefined where the pod was ended before. */
  async #place(): Promise<Placement | undefined> {
    while (!this.#gone) {
      try {
        const placement = this.#deps.place(this.#spec)
        this.#placement = placement
        this.#problem = undefined
        // Kubernetes copies it from the node from 1.35 on (PodTopologyLabelsAdmission).
        const { zone } = placement.node
        const { metadata } = this.#manifest
        const labels = { ...(metadata['labels'] as object | undefined), [ZONE_LABEL]: zone }
        if (zone !== '') this.#manifest = { ...this.#manifest, metadata: { ...metadata, labels } }
        return placement
      } catch (error) {
        this.#fail('FailedScheduling', error)
        await delay(ADMISSION_RETRY_MS)
      }
    }
    return undefined
  }

  /** A missing ConfigMap may still come. */
  async #prepareVolumes(volumes: PodVolumes): Promise<void> {
    while (!this.#gone) {
      try {
        await volumes.prepare()
        this.#problem = undefined
        return
      } catch (error) {
        this.#fail('FailedMount', error)
        await delay(ADMISSION_RETRY_MS)
      }
    }
  }

  #fail(reason: string, error: unknown): void {
    const message = describeError(error)
    this.#deps.event('Warning', reason, message)
    if (message === this.#problem?.message) return
    this.#problem = { reason, message }
    this.#deps.changed()
  }

  /** Each thing once. */
  #say(message: string, container: string): void {
    const line = `pod ${this.identity.namespace}/${this.identity.name}, container ${container}: ${message}`
    if (this.#said.has(line)) return
    this.#said.add(line)
    this.#deps.say(line)
  }

  #runner(spec: ContainerSpec, kind: 'init' | 'sidecar' | 'app'): ContainerRunner {
    const { restartPolicy } = this.#spec
    const runner: ContainerRunner = new ContainerRunner(spec, {
      kind,
      target: this.#target(spec, () => runner),
      logFile: join(this.#deps.logDirectory, `${spec.name}.log`),
      prepare: () => this.#prepareContainer(spec),
      restarts: (exitCode) => {
        if (kind === 'sidecar') return true
        if (kind === 'init') return exitCode !== 0 && restartPolicy !== 'Never'
        return restartPolicy === 'Always' || (restartPolicy === 'OnFailure' && exitCode !== 0)
      },
      changed: () => this.#deps.changed(),
      event: this.#deps.event,
      say: (message) => this.#say(message, spec.name),
    })
    return runner
  }

  #target(spec: ContainerSpec, runner: () => ContainerRunner): ProbeTarget {
    return {
      ip: this.facts.ips[0] ?? '',
      port: (reference) =>
        typeof reference === 'number'
          ? reference
          : spec.ports.find((port) => port.name === reference)?.containerPort,
      exec: (command, timeoutMs) => this.exec(runner(), command, timeoutMs),
    }
  }

  async #prepareContainer(spec: ContainerSpec): Promise<PreparedContainer> {
    const image = resolveImage(spec, this.#deps.images, this.#deps.hasProgram)
    const network = this.#network
    const volumes = this.#volumes
    if (!network || !volumes) throw new WeftError('local.not_prepared', 'the pod has no network yet')
    const env = buildEnvironment(spec, this.facts, this.#deps.configs, this.#defaults())
    const line = commandLine(
      image,
      spec.command?.map((word) => expand(word, env)),
      spec.args.map((word) => expand(word, env)),
    )
    const sandbox = await prepareSandbox({
      pod: this.#spec,
      container: spec,
      image,
      volumes,
      networkNamespace: network.path,
      hostname: this.#hostname,
      baseRoot: this.#deps.baseRoot,
      podDirectory: this.#deps.directory,
    })
    return { argv: containerCommand(sandbox, line), env, note: borrowedNote(image, spec) }
  }

  get #hostname(): string {
    return this.#spec.hostname ?? this.identity.name
  }

  #defaults(): Record<string, string> {
    return {
      PATH: CONTAINER_PATH,
      HOME: '/tmp',
      LANG: 'C.UTF-8',
      HOSTNAME: this.#hostname,
      NODE_COMPILE_CACHE: COMPILE_CACHE,
    }
  }

  async #end(graceSeconds: number): Promise<void> {
    this.#deletedAt = Date.now()
    this.#deps.event('Normal', 'Killing', 'the pod ends')
    this.#deps.changed()
    await this.#deps.published()
    const deadline = Date.now() + graceSeconds * 1000
    const left = (leastMs = 0) => Math.max(leastMs, deadline - Date.now())
    const stop = async (container: ContainerRunner, leastMs = 0) => {
      const hook = container.spec.preStop
      if (hook && container.pid !== undefined && graceSeconds > 0) {
        const target = this.#target(container.spec, () => container)
        await Promise.race([perform(hook, target, left(1)), delay(left())])
      }
      await container.stop(graceSeconds > 0 ? left(leastMs) : 0)
    }
    const staying = this.#containers.filter((container) => container.status.kind === 'sidecar')
    await Promise.all(this.#containers.filter((one) => !staying.includes(one)).map((one) => stop(one)))
    for (const sidecar of staying.toReversed()) await stop(sidecar, 2000)
    await this.#running
    await this.#release()
  }

  async #release(): Promise<void> {
    await this.#volumes?.close()
    if (this.#network) {
      await killNamespace(this.#network.path)
      await removePodNetwork(this.#network).catch((error: unknown) => this.#deps.warn(describeError(error)))
    }
    if (this.#placement) this.#deps.leave(this.#placement)
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
