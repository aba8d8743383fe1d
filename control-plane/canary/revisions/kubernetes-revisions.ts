import { CONTROL_PLANE } from '../../../core/contract.ts'
import { KubernetesError } from '../../kubernetes/api-error.ts'
import type { KubernetesConnection } from '../../kubernetes/connection.ts'
import { findObject } from '../../kubernetes/find-object.ts'
import type { KubernetesObject } from '../../kubernetes/follow.ts'
import type { CanaryDeployment, CanaryObject } from '../../registry/kinds/canary.ts'
import { troubledRevisions, type FollowedRevisions, type RevisionsSeen } from './followed.ts'
import { TEMPLATE_HASH, type Deployment, type Held, type RevisionService, type Rollout } from './objects.ts'
import { planRevisions, type RevisionAction, type RevisionPlan } from './plan.ts'
import { HELD_ANNOTATION, readDeployment, readReplicaSets } from './read-objects.ts'

type Connection = Pick<KubernetesConnection, 'request'>

/** On Services that a Canary made: its name. Others of the same name are left alone. */
const MADE_FOR = 'weft.dev/canary'
const MERGE = 'application/merge-patch+json'
const APPLY = 'application/apply-patch+yaml'

/** Keeps the two revisions of a Canary's Deployment, and the Services that tell them apart, as `planRevisions` says. */
export async function followRevisions(
  connection: Connection,
  canary: CanaryObject,
  of: CanaryDeployment,
  seen: RevisionsSeen,
): Promise<FollowedRevisions> {
  try {
    return await follow(connection, canary, of, seen)
  } catch (error) {
    if (!(error instanceof KubernetesError && error.status === 403)) throw error
    return troubledRevisions(
      `the control plane may not keep Deployments and Services (${error.message}): install it with --set controlPlane.canaryDeployments=true`,
    )
  }
}

async function follow(
  connection: Connection,
  canary: CanaryObject,
  of: CanaryDeployment,
  seen: RevisionsSeen,
): Promise<FollowedRevisions> {
  const { namespace } = canary.meta
  const [found, source, stable, next] = await Promise.all([
    findObject(connection, deploymentsOf(namespace), of.name),
    findObject(connection, servicesOf(namespace), of.service),
    findObject(connection, servicesOf(namespace), canary.spec.stable.name),
    findObject(connection, servicesOf(namespace), canary.spec.canary.name),
  ])
  if (!found) return troubledRevisions(`there is no Deployment ${namespace}/${of.name}`)
  if (!source) return troubledRevisions(`there is no Service ${namespace}/${of.service}`)
  const foreign = [stable, next].find((one) => one && one.metadata.labels?.[MADE_FOR] === undefined)
  if (foreign)
    return troubledRevisions(
      `Service ${namespace}/${foreign.metadata.name} is there already, and no Canary made it: delete it, or give the Deployment another name`,
    )
  const ports = portsOf(source, of.port)
  if (ports.length === 0)
    return troubledRevisions(`Service ${namespace}/${of.service} has no port ${of.port}`)
  const deployment = readDeployment(found)
  const plan = planRevisions({
    ...seen,
    deployment,
    replicaSets: readReplicaSets(await replicaSets(connection, namespace, deployment), deployment.uid),
    stable: selectionOf(stable),
    canary: selectionOf(next),
    steps: canary.spec.steps,
  })
  for (const action of plan.actions) await act(connection, canary, deployment, ports, action)
  return { ...told(plan), selected: selectionOf(next)?.hash ?? '' }
}

/** The Canary is gone: the Deployment follows its template again, and both Services lead to all of its pods. */
export async function releaseRevisions(
  connection: Connection,
  canary: CanaryObject,
  of: CanaryDeployment,
): Promise<void> {
  const { namespace } = canary.meta
  const found = await findObject(connection, deploymentsOf(namespace), of.name)
  if (!found) return
  const deployment = readDeployment(found)
  const { held, rollout } = deployment
  for (const { name } of [canary.spec.stable, canary.spec.canary]) {
    const service = await findObject(connection, servicesOf(namespace), name)
    if (service?.metadata.labels?.[MADE_FOR] === undefined) continue
    await connection.request({
      method: 'PATCH',
      path: `${servicesOf(namespace)}/${name}`,
      query: { fieldManager: CONTROL_PLANE },
      contentType: MERGE,
      body: { spec: { selector: { [TEMPLATE_HASH]: null } } },
    })
  }
  if (!held) return
  await write(connection, canary, deployment, undefined, held.as === 'released' ? held.was : rollout, false)
}

async function act(
  connection: Connection,
  canary: CanaryObject,
  deployment: Deployment,
  ports: readonly object[],
  action: RevisionAction,
): Promise<void> {
  const { namespace, name: canaryName } = canary.meta
  switch (action.do) {
    case 'select': {
      const { name } = canary.spec[action.service]
      await connection.request({
        method: 'PATCH',
        path: `${servicesOf(namespace)}/${name}`,
        query: { fieldManager: CONTROL_PLANE, force: 'true' },
        contentType: APPLY,
        body: {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: {
            name,
            namespace,
            labels: { 'app.kubernetes.io/managed-by': CONTROL_PLANE, [MADE_FOR]: canaryName },
            // It goes with the Deployment, and not with the Canary: the route may still name it.
            ownerReferences: [
              { apiVersion: 'apps/v1', kind: 'Deployment', name: deployment.name, uid: deployment.uid },
            ],
          },
          spec: { selector: { ...deployment.matchLabels, [TEMPLATE_HASH]: action.hash }, ports },
        },
      })
      return
    }
    case 'pause':
      return write(connection, canary, deployment, { as: 'paused' }, action.rollout, true)
    case 'release':
      return write(connection, canary, deployment, { as: 'released', was: action.was }, action.rollout, false)
    case 'finish':
      return write(connection, canary, deployment, undefined, action.rollout, false)
    case 'scale down':
      await connection.request({
        method: 'PATCH',
        path: `/apis/apps/v1/namespaces/${namespace}/replicasets/${action.replicaSet}/scale`,
        query: { fieldManager: CONTROL_PLANE },
        contentType: MERGE,
        body: { spec: { replicas: 0 } },
      })
      return
    case 'stable only':
  }
}

/** Whoever wrote the Deployment meanwhile is looked at first: it is planned anew. */
async function write(
  connection: Connection,
  { meta }: CanaryObject,
  { name, resourceVersion }: Deployment,
  held: Held | undefined,
  rollout: Rollout | undefined,
  paused: boolean,
): Promise<void> {
  const annotations = { [HELD_ANNOTATION]: held ? JSON.stringify(held) : null }
  const fields = rollout && {
    minReadySeconds: rollout.minReadySeconds,
    progressDeadlineSeconds: rollout.progressDeadlineSeconds,
    strategy: { rollingUpdate: { maxSurge: rollout.maxSurge, maxUnavailable: rollout.maxUnavailable } },
  }
  await connection.request({
    method: 'PATCH',
    path: `${deploymentsOf(meta.namespace)}/${name}`,
    query: { fieldManager: CONTROL_PLANE },
    contentType: MERGE,
    body: { metadata: { resourceVersion, annotations }, spec: { paused, ...fields } },
  })
}

async function replicaSets(
  connection: Connection,
  namespace: string,
  { matchLabels }: Deployment,
): Promise<readonly KubernetesObject[]> {
  const labelSelector = Object.entries(matchLabels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',')
  const list = (await connection.request({
    method: 'GET',
    path: `/apis/apps/v1/namespaces/${namespace}/replicasets`,
    query: { labelSelector },
  })) as { readonly items?: readonly KubernetesObject[] | null } | undefined
  return list?.items ?? []
}

function selectionOf(service: KubernetesObject | undefined): RevisionService | undefined {
  if (!service) return undefined
  const { selector } = (service['spec'] ?? {}) as {
    readonly selector?: Readonly<Record<string, string>> | null
  }
  return { hash: selector?.[TEMPLATE_HASH] ?? '' }
}

/** The port that callers know, as their Service has it. */
function portsOf(source: KubernetesObject, port: number): object[] {
  const { ports } = (source['spec'] ?? {}) as {
    readonly ports?: readonly Readonly<Record<string, unknown>>[] | null
  }
  return (ports ?? [])
    .filter((one) => one['port'] === port)
    .map(({ name, protocol, appProtocol, targetPort }) => ({ name, port, protocol, appProtocol, targetPort }))
}

function told({ actions, revision, waits, problem }: RevisionPlan): Omit<FollowedRevisions, 'selected'> {
  const stableOnly = actions.some((action) => action.do === 'stable only')
  return { revision, waits, problem, stableOnly, acted: actions.length > 0 }
}

function deploymentsOf(namespace: string): string {
  return `/apis/apps/v1/namespaces/${namespace}/deployments`
}

function servicesOf(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/services`
}
