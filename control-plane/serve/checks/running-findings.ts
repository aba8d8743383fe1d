import type { X509Certificate } from 'node:crypto'
import { PROXY_CONTAINER, STATUS_ANNOTATION } from '../../../core/contract.ts'
import type { ObjectName, Problem } from '../../../core/problem.ts'
import type { CanaryView } from '../../canary/view.ts'
import { findingOf, nameOf, type CheckedMesh } from '../../problems/configuration/checked-mesh.ts'
import { selectedPods } from '../../problems/configuration/selected-pods.ts'
import type { PodObject } from '../../registry/kinds/core.ts'
import type { IssuerView, ProxyStream } from '../rest/overview.ts'
import { ofTheMesh, whyLeftOut } from './running-mesh.ts'

/** What is known of a mesh beside its objects. */
export interface Running {
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Of the control plane, e.g. `0.1.0`. */
  readonly release: string
  readonly proxies: readonly ProxyStream[]
  readonly canaries: readonly CanaryView[]
  readonly issuer: IssuerView | undefined
  /** What workloads trust. */
  readonly roots: readonly X509Certificate[]
}

const DAY_MS = 24 * 3600 * 1000
/** As `weft check` warns. */
const ROOT_WARNING_MS = 30 * DAY_MS
/** A pod may start, and its sidecar connect, for so long. */
const START_GRACE_MS = 120_000
const STANDING: ReadonlySet<CanaryView['phase']> = new Set(['Waiting', 'Progressing', 'Paused'])

/** What shows only where a mesh runs: endpoints, injection, versions, streams, canaries and certificates. One kind at each step. */
export function* findingInRunning(checked: CheckedMesh, running: Running): Generator<void, Problem[]> {
  const found: Problem[] = []
  for (const find of [withoutEndpoints, notInjected, otherVersions, withoutStream]) {
    found.push(...find(checked, running))
    yield
  }
  return [...found, ...standingCanaries(running), ...certificates(running)]
}

function withoutEndpoints({ snapshot, mesh, pods }: CheckedMesh): Problem[] {
  return [...snapshot.services.values()].flatMap((service) => {
    const selected = selectedPods(service, pods).length
    if (selected === 0) return []
    return service.ports.flatMap(({ port }, index) => {
      const endpoints = mesh.endpoints.get(`${service.meta.namespace}/${service.meta.name}/${port}`)
      if (!endpoints || endpoints.endpoints.some(({ health }) => health === 'healthy')) return []
      return [
        findingOf('WEFT0210', nameOf(service), `spec.ports[${index}]`, {
          message: `port ${port} has no ready endpoint, with ${selected} pods selected`,
          remedy: 'see why the pods are not ready: kubectl describe says what their probes say',
          effect: 'Whoever calls it gets 503.',
        }),
      ]
    })
  })
}

function podsOf({ snapshot }: CheckedMesh): PodObject[] {
  return [...snapshot.pods.values()].filter(({ finished }) => !finished)
}

function notInjected(checked: CheckedMesh): Problem[] {
  const { snapshot, mesh } = checked
  const past = podsOf(checked).filter(
    (pod) =>
      ofTheMesh(pod.meta.namespace, snapshot) &&
      !mesh.workloads.has(`${pod.meta.namespace}/${pod.meta.name}`) &&
      whyLeftOut(pod) === '',
  )
  return groups(past).map(([maker, pods]) =>
    findingOf('WEFT0408', maker, '', {
      message: `${some(pods)} without a sidecar, in a namespace of the mesh: made before it was, or while the injector did not answer`,
      remedy: 'restart its workload: kubectl rollout restart',
      effect: 'What it sends and gets is plaintext, and no policy holds there.',
    }),
  )
}

function otherVersions(checked: CheckedMesh, { release }: Running): Problem[] {
  const { mesh } = checked
  const old = podsOf(checked).filter((pod) => {
    if (!mesh.workloads.has(`${pod.meta.namespace}/${pod.meta.name}`)) return false
    const version = sidecarVersion(pod)
    return version !== undefined && version !== release
  })
  return groups(old).map(([maker, pods]) =>
    findingOf('WEFT0410', maker, '', {
      message: `${some(pods)} with a sidecar of ${[...new Set(pods.map(sidecarVersion))].join(', ')}; the control plane is ${release}`,
      remedy: 'restart its workload: kubectl rollout restart',
    }),
  )
}

/** What the injector wrote. */
function sidecarVersion({ meta }: PodObject): string | undefined {
  try {
    const status: unknown = JSON.parse(meta.annotations[STATUS_ANNOTATION] ?? '')
    if (typeof status !== 'object' || status === null || !('version' in status)) return undefined
    return typeof status.version === 'string' ? status.version : undefined
  } catch {
    // Somebody else wrote it.
    return undefined
  }
}

function withoutStream(checked: CheckedMesh, { proxies, now }: Running): Problem[] {
  const connected = new Set(proxies.map(({ namespace, pod }) => `${namespace}/${pod}`))
  const alone = podsOf(checked).filter(({ meta }) => {
    const key = `${meta.namespace}/${meta.name}`
    return checked.mesh.workloads.has(key) && !connected.has(key) && now - meta.createdAt > START_GRACE_MS
  })
  return alone.map((pod) =>
    findingOf('WEFT0602', nameOf(pod), '', {
      message: 'its sidecar has no stream to a control plane, and goes on with what it has',
      remedy: `its log says why: kubectl logs -n ${pod.meta.namespace} ${pod.meta.name} -c ${PROXY_CONTAINER}`,
    }),
  )
}

function standingCanaries({ canaries, now }: Running): Problem[] {
  return canaries.flatMap(({ namespace, name, phase, step, steps, weight, message, history }) => {
    const last = Date.parse(history.at(-1)?.at ?? '')
    if (!STANDING.has(phase) || Number.isNaN(last) || now - last < DAY_MS) return []
    const hours = Math.floor((now - last) / 3_600_000)
    return [
      findingOf('WEFT0504', { kind: 'Canary', namespace, name }, '', {
        message: `has not moved for ${hours} h: ${phase} at step ${step} of ${steps.length}, ${weight} % for the new version: ${message}`,
        remedy: `weft canary promote ${name} -n ${namespace}, or weft canary rollback ${name} -n ${namespace}`,
      }),
    ]
  })
}

function certificates({ issuer, roots, now }: Running): Problem[] {
  const mesh = { kind: 'Mesh', namespace: '', name: '' }
  const trouble = issuer?.trouble
  const issuing = trouble
    ? [
        findingOf('WEFT0603', mesh, '', {
          message: `${issuer.title} gives no certificates: ${trouble.reason}`,
          remedy: 'mend what it names; weft check looks closer',
        }),
      ]
    : []
  const ending = roots.filter(({ validToDate }) => validToDate.getTime() - now < ROOT_WARNING_MS)
  return [
    ...issuing,
    ...ending.map((root) =>
      findingOf('WEFT0604', mesh, '', {
        message: `the root ${root.subject.replaceAll('\n', ', ')} ends ${root.validToDate.toISOString().slice(0, 10)}`,
        remedy: 'renew it while it still holds: docs/operations.md',
      }),
    ),
  ]
}

/** By whom pods were made. */
function groups(pods: readonly PodObject[]): (readonly [ObjectName, readonly PodObject[]])[] {
  const makers = Map.groupBy(pods, ({ meta, owner }) =>
    JSON.stringify([meta.namespace, owner?.kind ?? 'Pod', owner?.name ?? meta.name]),
  )
  return [...makers.values()].map((group) => {
    const [{ meta, owner }] = group as [PodObject, ...PodObject[]]
    const { namespace } = meta
    return [{ kind: owner?.kind ?? 'Pod', namespace, name: owner?.name ?? meta.name }, group]
  })
}

function some(pods: readonly PodObject[]): string {
  return pods.length === 1 ? `pod ${pods[0]?.meta.name} is` : `${pods.length} of its pods are`
}
