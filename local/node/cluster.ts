import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { WeftError, describeError } from '../../core/errors.ts'
import { ServiceAddressPool } from '../controllers/addresses.ts'
import { endpointGroups, endpointSlices } from '../controllers/endpoints.ts'
import type { EndpointPod } from '../controllers/endpoints.ts'
import { Workloads, ownerKey } from '../controllers/workloads.ts'
import type { OwnedPod } from '../controllers/owned-pod.ts'
import { buildZone } from '../dns/zone.ts'
import type { NamedService, Zone } from '../dns/zone.ts'
import { systemClock } from '../../core/clock.ts'
import { canonical } from '../manifest/canonical.ts'
import { keyOf, workloadKey } from '../manifest/objects.ts'
import type {
  ConfigObject,
  DesiredState,
  JobObject,
  PodTemplate,
  ServiceObject,
  Workload,
} from '../manifest/objects.ts'
import type { ConfigKind } from '../manifest/pod-spec.ts'
import type { JobOutcome } from '../controllers/job.ts'
import { PodRunner } from '../pod/pod-runner.ts'
import type { PodIdentity, PodManifest } from '../pod/pod-runner.ts'
import { EventLog } from '../pod/events.ts'
import type { HasProgram, ImageFolders } from '../pod/images.ts'
import type { IssueToken } from '../pod/volumes.ts'
import { DNS_POD } from '../network/policy/dns-peer.ts'
import type { NetworkPolicyRules } from './network-policy-sync.ts'
import type { Nodes, PodsOfNodes } from './nodes.ts'
import type { ObjectDirectory } from './object-directory.ts'
import { endpointPod, policyPod } from './pod-views.ts'
import type { ServiceRules } from './service-rules-sync.ts'
import { serviceObject, serviceTargets } from './service-views.ts'
import { SyncLoop } from './sync-loop.ts'

export interface ClusterDeps {
  readonly nodes: Nodes
  readonly baseRoot: string
  /** A directory on the node's tmpfs, one below it a pod. */
  readonly podDirectory: string
  /** Where the directories of claims are. */
  readonly claimDirectory: string
  readonly logDirectory: string
  readonly images: ImageFolders
  readonly hasProgram: HasProgram
  readonly ipv6: boolean
  readonly objects: ObjectDirectory
  readonly rules: ServiceRules
  readonly policies: NetworkPolicyRules
  readonly issueToken: IssueToken
  readonly hostPaths: ReadonlySet<string>
  admit(pod: PodManifest, namespaceLabels: Readonly<Record<string, string>>): Promise<PodManifest>
  warn(message: string): void
  /** Says once what the state of a pod has from now on. */
  say(message: string): void
}

/** How long rules that could not be set are left before they are tried again; milliseconds. */
const RULES_RETRY_MS = 500

interface ServiceView extends NamedService {
  readonly slices: readonly object[]
}

/** Controllers of the cluster: makes pods, addresses and names follow the manifests. */
export class Cluster implements PodsOfNodes {
  readonly #deps: ClusterDeps
  readonly #loop: SyncLoop
  readonly #pods = new Map<string, PodRunner>()
  readonly #serviceAddresses = new ServiceAddressPool()
  readonly #workloads: Workloads
  readonly #watchers = new Set<() => void>()
  /** What happened to pods, and to what makes them. */
  readonly events = new EventLog()
  #desired: DesiredState | undefined
  #extraConfigMaps: readonly ConfigObject[] = []
  #configText = ''
  #views: readonly ServiceView[] = []
  #zone: Zone = new Map()
  /** What was asked for when all of it was ready, with rules and objects that say so. */
  #published: DesiredState | undefined
  #closing = false

  constructor(deps: ClusterDeps) {
    this.#deps = deps
    this.#loop = new SyncLoop(
      () => this.#sync(),
      (error) => deps.warn(describeError(error)),
    )
    deps.nodes.attach(this)
    this.#workloads = new Workloads({
      clock: systemClock,
      changed: () => void this.#loop.request(),
      nodesFor: ({ spec }) => deps.nodes.eligible(spec).map(({ name }) => name),
      ended: (job, outcome) => this.#jobEnded(job, outcome),
    })
  }

  get pods(): readonly PodRunner[] {
    return [...this.#pods.values()]
  }

  get services(): readonly NamedService[] {
    return this.#views
  }

  get zone(): Zone {
    return this.#zone
  }

  /** Takes new manifests; `extraConfigMaps` are there in addition to those of the manifests. */
  apply(desired: DesiredState, extraConfigMaps: readonly ConfigObject[] = []): Promise<void> {
    this.#desired = desired
    this.#extraConfigMaps = extraConfigMaps
    const text = canonical([[...desired.configMaps.values()], [...desired.secrets.values()], extraConfigMaps])
    if (text !== this.#configText) {
      this.#configText = text
      for (const pod of this.#pods.values()) void pod.refreshVolumes()
    }
    return this.#loop.request()
  }

  /** Calls `listener` after every change that is published; the returned function stops that. */
  watch(listener: () => void): () => void {
    this.#watchers.add(listener)
    return () => this.#watchers.delete(listener)
  }

  /**
   * Whether every pod that the manifests ask for is there, new and ready, and whatever leads to them is in force: a pod
   * turns ready a moment before a connection to its Service is let through.
   */
  get ready(): boolean {
    return this.#published !== undefined && this.#published === this.#desired && this.#podsAreReady()
  }

  #podsAreReady(): boolean {
    if (!this.#desired) return false
    const living = this.pods.filter((pod) => pod.state.deletedAt === undefined)
    // A Job has its own end, and nobody waits for it.
    const settled = living.every(
      ({ state, identity }) => state.ready || state.phase === 'Succeeded' || identity.owner?.kind === 'Job',
    )
    const complete = [...this.#desired.workloads.values()].every((workload) => {
      if (workload.kind === 'Job') return true
      const owned = living.filter((pod) => ownedBy(pod, workload))
      const { kind, template } = workload
      const nodes = kind === 'DaemonSet' ? this.#deps.nodes.eligible(template.spec).length : undefined
      return owned.length === (nodes ?? workload.replicas) && owned.every((pod) => isCurrent(pod, workload))
    })
    return settled && complete && [...this.#desired.pods.keys()].every((key) => this.#pods.has(key))
  }

  /** A pod by `namespace/name`, by name, or by the only name that starts so. */
  find(reference: string): PodRunner {
    const exact = this.#pods.get(reference)
    if (exact) return exact
    const [name = '', namespace] = reference.split('/').toReversed()
    const candidates = this.pods.filter(
      (pod) => namespace === undefined || pod.identity.namespace === namespace,
    )
    const named = candidates.filter((pod) => pod.identity.name === name)
    const found =
      named.length > 0 ? named : candidates.filter((pod) => pod.identity.name.startsWith(`${name}-`))
    const living = found.filter((pod) => pod.state.deletedAt === undefined)
    const [only] = living.length > 0 ? living : found
    if (!only) throw new WeftError('local.no_pod', `no pod is named \`${reference}\``)
    if (living.length > 1) {
      const names = living.map((pod) => `${pod.identity.namespace}/${pod.identity.name}`).join(', ')
      throw new WeftError('local.ambiguous_pod', `\`${reference}\` fits several pods: ${names}`)
    }
    return only
  }

  /** Ends a pod; its controller makes another. Resolves once it has gone. */
  async remove(pod: PodRunner, graceSeconds?: number): Promise<void> {
    const key = keyOf(pod.identity)
    await pod.stop(graceSeconds)
    if (this.#pods.get(key) === pod) this.#pods.delete(key)
    await this.#loop.request()
  }

  /** Looks again at what is to be done: nodes are others now. */
  nodesChanged(): void {
    void this.#loop.request()
  }

  /** Ends the pods of a node: in order, or at once where it is lost. Resolves once they have gone. */
  async evict(node: string, lost: boolean): Promise<void> {
    const there = this.pods.filter((pod) => pod.state.facts.node === node)
    for (const { identity } of lost ? there : []) {
      const event = this.events.recorder(`Pod ${keyOf(identity)}`)
      event('Warning', 'NodeNotReady', `node ${node} is lost`)
    }
    await Promise.all(there.map((pod) => (lost ? this.remove(pod, 0) : this.remove(pod))))
  }

  /** Stops every pod, the system's last. */
  async close(graceSeconds: number): Promise<void> {
    this.#closing = true
    this.#workloads.close()
    await Promise.all(this.pods.map((pod) => pod.stop(graceSeconds)))
    this.#pods.clear()
  }

  async #sync(): Promise<void> {
    const desired = this.#desired
    if (!desired) return
    if (!this.#closing) this.#reconcilePods(desired)
    const pods = this.pods.map(endpointPod)
    const ready = this.#podsAreReady()
    this.#views = this.#serviceViews(desired, pods)
    this.#zone = buildZone(this.#views)
    await this.#deps.policies.apply({
      policies: [...desired.networkPolicies.values()],
      pods: [...this.pods.map(policyPod), DNS_POD],
      namespaces: new Map([...desired.namespaces].map(([name, { labels }]) => [name, labels])),
    })
    await this.#deps.rules.apply(serviceTargets(this.#views))
    await this.#deps.objects.replace(this.#objects(desired))
    this.#published = ready ? desired : undefined
    for (const listener of [...this.#watchers]) listener()
  }

  #reconcilePods(desired: DesiredState): void {
    const workloads = this.#workloads.current(desired.workloads, desired.cronJobs)
    for (const workload of workloads) this.#reconcileWorkload(workload)
    const wantedOwners = new Set(workloads.map(workloadKey))
    for (const [key, pod] of desired.pods) {
      const present = this.#pods.get(key)
      if (!present) this.#create({ ...pod, owner: undefined }, pod.template)
      else if (present.template.hash !== pod.template.hash) this.#stop(present)
    }
    for (const [key, pod] of this.#pods) {
      const { owner, namespace } = pod.identity
      const wanted = owner ? wantedOwners.has(ownerKey(namespace, owner)) : desired.pods.has(key)
      if (!wanted) this.#stop(pod)
    }
  }

  #reconcileWorkload(workload: Workload): void {
    const { kind, namespace, name } = workload
    const event = this.events.recorder(workloadKey(workload))
    const owned = this.pods.filter((pod) => ownedBy(pod, workload))
    const plan = this.#workloads.plan(workload, owned.map(ownedPod))
    for (const pod of owned) {
      if (!plan.stop.includes(pod.identity.name) || pod.state.deletedAt !== undefined) continue
      event('Normal', 'SuccessfulDelete', `ends pod ${pod.identity.name}`)
      this.#stop(pod)
    }
    for (const { name: podName, template } of plan.create) {
      event('Normal', 'SuccessfulCreate', `made pod ${podName}`)
      this.#create({ namespace, name: podName, owner: { kind, name } }, template)
    }
  }

  #jobEnded(job: JobObject, outcome: JobOutcome): void {
    const event = this.events.recorder(workloadKey(job))
    if (outcome === 'Complete') {
      event('Normal', 'Completed', 'the Job is complete')
      return
    }
    const why =
      outcome === 'BackoffLimitExceeded'
        ? `failed more often than its backoffLimit of ${job.backoffLimit}`
        : `took longer than its activeDeadlineSeconds of ${job.deadlineSeconds}`
    event('Warning', outcome, `the Job ${why}`)
    this.#deps.warn(`${workloadKey(job)}: ${outcome}: the Job ${why}`)
  }

  #stop(pod: PodRunner): void {
    if (pod.state.deletedAt !== undefined) return
    this.remove(pod).catch((error: unknown) => this.#deps.warn(describeError(error)))
  }

  #create(identity: PodIdentity, template: PodTemplate): void {
    const { namespace, name } = identity
    const key = `${namespace}/${name}`
    const pod: PodRunner = new PodRunner({ namespace, name, owner: identity.owner }, template, {
      baseRoot: this.#deps.baseRoot,
      directory: join(this.#deps.podDirectory, `${namespace}_${name}_${randomBytes(3).toString('hex')}`),
      logDirectory: join(this.#deps.logDirectory, `${namespace}_${name}`),
      images: this.#deps.images,
      hasProgram: this.#deps.hasProgram,
      ipv6: this.#deps.ipv6,
      configs: (kind, object) => this.#config(kind, `${namespace}/${object}`),
      claimDirectory: this.#deps.claimDirectory,
      issueToken: this.#deps.issueToken,
      hostPaths: this.#deps.hostPaths,
      place: (spec) =>
        this.#deps.nodes.place(spec, identity.owner ? ownerKey(namespace, identity.owner) : key),
      leave: (placement) => this.#deps.nodes.release(placement),
      admit: (manifest) => this.#admit(manifest, template),
      changed: () => void this.#loop.request(),
      published: () => this.#loop.request(),
      isolated: () => this.#isolated(),
      event: this.events.recorder(`Pod ${key}`),
      warn: (message) => this.#deps.warn(message),
      say: (message) => this.#deps.say(message),
    })
    this.#pods.set(key, pod)
    pod.start()
  }

  /** Resolves once what NetworkPolicies say of the pods that have an address now is in force. */
  async #isolated(): Promise<void> {
    while (this.#desired && this.#desired.networkPolicies.size > 0 && !this.#closing) {
      await this.#loop.request()
      if (this.#deps.policies.inForce) return
      await delay(RULES_RETRY_MS)
    }
  }

  /** As the API server does: no service account, no pod; then the webhook. */
  async #admit(manifest: PodManifest, template: PodTemplate): Promise<PodManifest> {
    const account = template.spec.serviceAccountName
    const { namespace } = manifest.metadata as { namespace: string }
    if (account !== 'default' && !this.#desired?.serviceAccounts.has(`${namespace}/${account}`)) {
      throw new WeftError(
        'local.no_service_account',
        `ServiceAccount ${namespace}/${account} does not exist`,
        {
          field: 'spec.serviceAccountName',
        },
      )
    }
    return this.#deps.admit(manifest, this.#desired?.namespaces.get(namespace)?.labels ?? {})
  }

  #config(kind: ConfigKind, key: string): ConfigObject | undefined {
    if (kind === 'Secret') return this.#desired?.secrets.get(key)
    const extra = this.#extraConfigMaps.find((map) => keyOf(map) === key)
    return extra ?? this.#desired?.configMaps.get(key)
  }

  #serviceViews(desired: DesiredState, pods: readonly EndpointPod[]): ServiceView[] {
    for (const { service } of this.#views) {
      if (!desired.services.has(keyOf(service))) this.#serviceAddresses.release(keyOf(service))
    }
    const views: ServiceView[] = []
    // Those that ask for an address first, so that nobody else has it.
    const services = [...desired.services.values()].sort(
      (a, b) => b.requestedIPs.length - a.requestedIPs.length || (keyOf(a) < keyOf(b) ? -1 : 1),
    )
    for (const service of services) {
      try {
        const groups = endpointGroups(service, pods)
        const slices =
          service.type === 'ExternalName'
            ? []
            : endpointSlices(service, groups, (node) => this.#deps.nodes.zoneOf(node))
        views.push({ service, ips: this.#serviceIps(service), groups, slices })
      } catch (error) {
        this.#deps.warn(`Service ${keyOf(service)}: ${describeError(error)}`)
      }
    }
    return views
  }

  #serviceIps(service: ServiceObject): string[] {
    if (service.type !== 'ClusterIP') return []
    const requested = service.requestedIPs.find((ip) => !ip.includes(':'))
    const { v4, v6 } = this.#serviceAddresses.take(keyOf(service), requested)
    return service.dualStack && this.#deps.ipv6 ? [v4, v6] : [v4]
  }

  #objects(desired: DesiredState): object[] {
    return [
      ...[...desired.namespaces.values()].map(({ name, labels, annotations }) => ({
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name, labels: { 'kubernetes.io/metadata.name': name, ...labels }, annotations },
      })),
      ...this.#views.flatMap(({ service, ips, slices }) => [serviceObject(service, ips), ...slices]),
      ...this.pods.flatMap((pod) => pod.object ?? []),
    ]
  }
}

function ownedBy(pod: PodRunner, workload: Workload): boolean {
  const { owner, namespace } = pod.identity
  return namespace === workload.namespace && owner?.kind === workload.kind && owner.name === workload.name
}

/** Whether a pod need not be replaced any more; a StatefulSet may leave some as they are, a ReplicaSet all. */
function isCurrent(pod: PodRunner, workload: Exclude<Workload, JobObject>): boolean {
  return (
    pod.template.hash === workload.template.hash ||
    workload.kind === 'ReplicaSet' ||
    (workload.kind === 'StatefulSet' && workload.partition > 0)
  )
}

function ownedPod({ identity, template, state }: PodRunner): OwnedPod {
  return {
    name: identity.name,
    hash: template.hash,
    ready: state.ready,
    terminating: state.deletedAt !== undefined,
    createdAt: state.createdAt,
    phase: state.phase,
    restarts: state.containers.reduce(
      (sum, container) => sum + (container.kind === 'sidecar' ? 0 : container.restarts),
      0,
    ),
    node: template.spec.nodeName ?? state.facts.node,
  }
}
