import { WATCHED_KINDS } from '../../control-plane/registry/kubernetes/resources.ts'
import { BUNDLE_CONFIG_MAP, INIT_CONTAINER, LEADER_LEASE, PROXY_CONTAINER } from '../../core/contract.ts'
import { describeError } from '../../core/errors.ts'
import type { JsonObject } from '../../injector/json-patch.ts'
import { checkInstalled } from '../check/main.ts'
import type { ClusterSession } from '../cluster/command.ts'
import {
  getObject,
  listAt,
  listObjects,
  numberAt,
  textAt,
  valueAt,
  type ClusterObject,
} from '../cluster/objects.ts'
import type { AdminPages } from '../mesh/admin-page.ts'
import { clusterMesh } from '../mesh/mesh-api.ts'
import { listProxies, type ProxyRow } from '../mesh/proxies.ts'
import { meshVersions } from '../version/mesh-versions.ts'
import { addControlPlanePages } from './control-plane-pages.ts'
import type { Evidence } from './evidence.ts'
import { inParallel } from '../mesh/in-parallel.ts'
import { ADMIN_PAGES, LOG_LINES, MOST_EVENTS, MOST_SIDECARS, SIDECARS_AT_ONCE } from './reach.ts'

/** Of one log, before its end is kept. */
const MOST_OF_A_LOG = 4 << 20

/**
 * Puts in what can be read of a mesh in a cluster. What may not be read is left out with the reason. Throws the KubernetesError
 * of an API server that gives no answer.
 */
export async function addClusterEvidence(
  evidence: Evidence,
  session: ClusterSession,
  pages: AdminPages,
): Promise<void> {
  const { archive, namespace, progress } = evidence
  const { connection, system } = session
  progress('versions, nodes')
  // Whoever is not let in at all, or reaches nobody, learns it here.
  archive.json('kubernetes.json', await connection.request({ method: 'GET', path: '/version' }))
  await archive.take('versions.json', () => meshVersions(connection, system))
  await archive.take('nodes.json', async () =>
    (await listObjects(connection, '/api/v1/nodes')).map(nodeFacts),
  )
  progress('weft check')
  await archive.take('check.json', async () => (await checkInstalled(session)).json)
  progress('weft proxies')
  let rows: readonly ProxyRow[] = []
  await archive.take('proxies.json', async () => {
    const { json } = await listProxies(session)
    rows = (json as { readonly proxies: readonly ProxyRow[] }).proxies
    return json
  })
  await addControlPlanePages(archive, clusterMesh(connection, system), progress)
  progress('routes, policies, and what Weft runs as')
  await addObjects(evidence, session)
  await addEvents(evidence, session)

  progress('logs of Weft')
  await archive.take('logs', async () => {
    for (const pod of await listObjects(connection, `/api/v1/namespaces/${system}/pods`))
      await addLogs(evidence, session, pod, () => true)
    return undefined
  })
  // What does not get on comes first.
  const trouble = ({ config }: ProxyRow): number => (config === 'current' ? 1 : 0)
  const sidecars = rows.toSorted((a, b) => trouble(a) - trouble(b)).slice(0, MOST_SIDECARS)
  if (sidecars.length < rows.length)
    archive.omit(
      'sidecars/*',
      `${rows.length - sidecars.length} of ${rows.length} sidecars${namespace === undefined ? ': -n chooses a namespace' : ''}`,
    )
  progress(`configuration and logs of ${sidecars.length} sidecars`)
  await inParallel(sidecars, SIDECARS_AT_ONCE, (row) => addSidecar(evidence, session, pages, row))
}

async function addSidecar(
  evidence: Evidence,
  session: ClusterSession,
  pages: AdminPages,
  { namespace, pod: name }: ProxyRow,
): Promise<void> {
  const { archive, applications } = evidence
  const folder = `sidecars/${namespace}/${name}`
  for (const [file, page] of ADMIN_PAGES)
    await archive.take(`${folder}/${file}.json`, () => pages({ namespace, pod: name }, page))
  await archive.take(`${folder}/pod.json`, async () => {
    const pod = await getObject(session.connection, `/api/v1/namespaces/${namespace}/pods/${name}`)
    if (pod)
      await addLogs(
        evidence,
        session,
        pod,
        (container) => applications || [PROXY_CONTAINER, INIT_CONTAINER].includes(container),
      )
    return pod?.body
  })
}

async function addObjects(
  { archive, namespace }: Evidence,
  { connection, system }: ClusterSession,
): Promise<void> {
  const kinds = WATCHED_KINDS.filter(({ custom }) => custom)
  for (const { kind, path } of kinds)
    await archive.take(`objects/${kind}.json`, async () => {
      const [, root = '', plural = ''] = /^(.*)\/([^/]+)$/.exec(path) ?? []
      const places = namespace === undefined ? [path] : [`${root}/namespaces/${namespace}/${plural}`]
      // Policies of the whole mesh are where Weft is.
      if (namespace !== undefined && namespace !== system)
        places.push(`${root}/namespaces/${system}/${plural}`)
      const found = await Promise.all(places.map((place) => listObjects(connection, place)))
      return found.flat().map(({ body }) => body)
    })
  for (const [name, path] of [
    ['Deployment', `/apis/apps/v1/namespaces/${system}/deployments`],
    ['Pod', `/api/v1/namespaces/${system}/pods`],
    ['MutatingWebhookConfiguration', '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations'],
  ] as const)
    await archive.take(`weft/${name}.json`, async () =>
      (await listObjects(connection, path)).map(({ body }) => body),
    )
  for (const [name, path] of [
    ['Lease', `/apis/coordination.k8s.io/v1/namespaces/${system}/leases/${LEADER_LEASE}`],
    ['trust-bundle', `/api/v1/namespaces/${system}/configmaps/${BUNDLE_CONFIG_MAP}`],
  ] as const)
    await archive.take(`weft/${name}.json`, async () => (await getObject(connection, path))?.body)
  await archive.take('weft/Namespace.json', async () =>
    (await listObjects(connection, '/api/v1/namespaces')).map(({ name, labels, annotations }) => ({
      name,
      labels,
      annotations,
    })),
  )
}

async function addEvents(
  { archive, namespace }: Evidence,
  { connection, system }: ClusterSession,
): Promise<void> {
  await archive.take('events.json', async () => {
    const places =
      namespace === undefined
        ? ['/api/v1/events']
        : [...new Set([namespace, system])].map((one) => `/api/v1/namespaces/${one}/events`)
    const found = (await Promise.all(places.map((place) => listObjects(connection, place)))).flat()
    const events = found
      .map(({ body }) => ({
        last: textAt(body, 'lastTimestamp') || textAt(body, 'eventTime'),
        type: textAt(body, 'type'),
        reason: textAt(body, 'reason'),
        object: `${textAt(body, 'involvedObject', 'kind')} ${textAt(body, 'involvedObject', 'namespace')}/${textAt(body, 'involvedObject', 'name')}`,
        count: numberAt(body, 'count'),
        message: textAt(body, 'message'),
      }))
      .toSorted((a, b) => (a.last < b.last ? 1 : -1))
    if (events.length > MOST_EVENTS)
      archive.omit(
        'events.json, its end',
        `${events.length - MOST_EVENTS} events before the newest ${MOST_EVENTS}`,
      )
    return events.slice(0, MOST_EVENTS)
  })
}

async function addLogs(
  { archive }: Evidence,
  { connection }: ClusterSession,
  { namespace, name, body }: ClusterObject,
  isMeant: (container: string) => boolean,
): Promise<void> {
  const states = ['initContainerStatuses', 'containerStatuses'].flatMap((field) =>
    listAt(body, 'status', field),
  )
  for (const state of states) {
    const container = textAt(state, 'name')
    if (!isMeant(container) || valueAt(state, 'state', 'waiting', 'reason') === 'PodInitializing') continue
    for (const previous of numberAt(state, 'restartCount') > 0 ? [true, false] : [false]) {
      const file = `logs/${namespace}/${name}/${container}${previous ? '.previous' : ''}.log`
      try {
        const text = await connection.request({
          method: 'GET',
          path: `/api/v1/namespaces/${namespace}/pods/${name}/log`,
          query: { container, previous, tailLines: LOG_LINES, limitBytes: MOST_OF_A_LOG },
          text: true,
        })
        archive.log(file, typeof text === 'string' ? text : '')
      } catch (error) {
        archive.omit(file, describeError(error))
      }
    }
  }
}

/** Kernel, runtime and what is wrong with a node; its addresses and labels are not needed. */
function nodeFacts({ name, body }: ClusterObject): JsonObject {
  return {
    name,
    ...(valueAt(body, 'status', 'nodeInfo') as JsonObject | undefined),
    conditions: listAt(body, 'status', 'conditions').map((one) => ({
      type: textAt(one, 'type'),
      status: textAt(one, 'status'),
      reason: textAt(one, 'reason'),
    })),
  }
}
