import { request } from 'undici'
import { KubernetesError } from '../../control-plane/kubernetes/api-error.ts'
import type { KubernetesConnection } from '../../control-plane/kubernetes/connection.ts'
import { openConnection } from '../../control-plane/kubernetes/open-connection.ts'
import { CONTROL_PLANE, HTTP_PORT } from '../../core/contract.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import type { Json } from '../../injector/json-patch.ts'
import { ControlClient } from '../../local/control/client.ts'
import { controlSocket, stateDirectory } from '../../local/state-directory.ts'
import { listObjects, textAt } from '../cluster/objects.ts'
import { forwardDashboard, type DashboardForward } from '../dashboard/cluster-dashboard.ts'
import { apiHeaders } from './api-headers.ts'
import { openEither } from './which-mesh.ts'

/** What one replica of the control plane said. */
export interface Answer {
  readonly replica: string
  /** Undefined: it has no such thing (404), or `error` says why it could not be asked. */
  readonly body: Json | undefined
  readonly error?: string
  /** What it says against the question (400). */
  readonly refused?: string
}

export type PageQuery = Readonly<Record<string, string>>

/** The control planes of one mesh, and their REST API. */
export interface MeshApi {
  readonly mesh: 'local' | 'cluster'
  /** Where none is named. */
  readonly namespace: string
  /**
   * Asks each replica for a page such as `services` or `authorization/decisions`. Throws WeftError `mesh.silent` where none
   * of them answers, with what each said, and `mesh.refused` where they take exception to the question.
   */
  ask(page: string, query?: PageQuery): Promise<readonly Answer[]>
  /**
   * Asks one replica after the other until one answers, of pages that a replica answers for all. `replicas` is how many there are.
   * Throws WeftError `mesh.silent` where none does.
   */
  askAny(page: string, query?: PageQuery): Promise<Answer & { readonly replicas: number }>
  /** Base of the REST API of one replica, for streams: `http://127.0.0.1:4711`. It is there until the mesh is closed. */
  openBase(): Promise<string>
  close(): Promise<void>
}

export interface MeshFlagValues {
  readonly local: boolean
  readonly name: string
  readonly 'state-dir': string | undefined
  readonly kubeconfig: string | undefined
  readonly context: string | undefined
  readonly 'weft-namespace': string
}

const PATIENCE_MS = 10_000

/** The mesh that is meant by flags of `MESH_FLAGS`. Throws what `openEither` throws. */
export function openMesh(flags: MeshFlagValues, given: ReadonlySet<string>): Promise<MeshApi> {
  return openEither(given, { local: () => openLocal(flags), cluster: () => openCluster(flags) })
}

/** The answers that came, one at least, as JSON objects. Throws WeftError `mesh.silent` where no replica could be asked. */
function heard(answers: readonly Answer[]): readonly Answer[] {
  const refused = answers.find((one) => one.refused !== undefined)?.refused
  if (refused !== undefined && answers.every(({ body }) => body === undefined))
    throw new WeftError('mesh.refused', refused)
  if (answers.some(({ error }) => error === undefined)) return answers
  const said = answers.map(({ replica, error = '' }) => `${replica}: ${error}`).join('; ')
  throw new WeftError(
    'mesh.silent',
    said === '' ? 'there is no control plane' : `no control plane answers: ${said}`,
  )
}

/** `to: needs a port`, of the body of an error. */
function refusalIn(json: Json): string {
  const field = textAt(json, 'error', 'parameter')
  return `${field === '' ? '' : `${field}: `}${textAt(json, 'error', 'message')}`
}

/** The same where an API server has put the body into words of its own. */
function refusalOf(message: string): string {
  const body = /\{"error".*\}/s.exec(message)?.[0]
  try {
    return body === undefined ? message : refusalIn(JSON.parse(body) as Json)
  } catch {
    return message
  }
}

async function openLocal({ name, 'state-dir': directory }: MeshFlagValues): Promise<MeshApi> {
  const client = new ControlClient(controlSocket(stateDirectory(name, directory)))
  let address: string | null
  try {
    address = (await client.status()).dashboard
  } finally {
    await client.close()
  }
  if (address === null)
    throw new WeftError('mesh.none', `the cluster ${name} of this machine runs without the mesh`)
  return {
    mesh: 'local',
    namespace: 'default',
    ask: async (page, query = {}) => heard([await askAt(address, page, query)]),
    async askAny(page, query = {}) {
      const answer = await askAt(address, page, query)
      heard([answer])
      return { ...answer, replicas: 1 }
    },
    openBase: async () => address,
    close: async () => undefined,
  }
}

async function askAt(address: string, page: string, query: PageQuery): Promise<Answer> {
  const replica = CONTROL_PLANE
  const url = `${address}/api/${page}?${new URLSearchParams(query).toString()}`
  try {
    const { statusCode, body } = await request(url, { signal: AbortSignal.timeout(PATIENCE_MS) })
    const json = (await body.json()) as Json
    if (statusCode === 404) return { replica, body: undefined }
    if (statusCode === 200) return { replica, body: json }
    if (statusCode === 400) return { replica, body: undefined, refused: refusalIn(json) }
    return { replica, body: undefined, error: textAt(json, 'error', 'message') || `status ${statusCode}` }
  } catch (error) {
    return { replica, body: undefined, error: describeError(error) }
  }
}

async function openCluster(flags: MeshFlagValues): Promise<MeshApi> {
  const { kubeconfig, context, 'weft-namespace': system } = flags
  const connection = await openConnection({ kubeconfig, context })
  let forward: Promise<DashboardForward> | undefined
  const base = async (): Promise<string> => {
    const failed = (error: unknown): void => void process.stderr.write(`weft: ${describeError(error)}\n`)
    forward ??= forwardDashboard({ kubeconfig, context, namespace: system, port: 0 }, failed)
    return `http://127.0.0.1:${(await forward).port}`
  }
  return {
    mesh: 'cluster',
    namespace: connection.namespace,
    ...clusterMesh(connection, system),
    openBase: base,
    async close() {
      const opened = await forward?.catch(() => undefined)
      await opened?.close()
      await connection.close()
    },
  }
}

/** The control planes of a cluster, by a connection that is open and stays its caller's. */
export function clusterMesh(
  connection: KubernetesConnection,
  system: string,
): Pick<MeshApi, 'ask' | 'askAny'> {
  const labelSelector = `app.kubernetes.io/name=${CONTROL_PLANE}`
  const askOne = async (replica: string, page: string, query: PageQuery): Promise<Answer> => {
    const path = `/api/v1/namespaces/${system}/pods/${replica}:${HTTP_PORT}/proxy/api/${page}`
    const headers = apiHeaders()
    try {
      const body = (await connection.request({
        method: 'GET',
        path,
        query,
        headers,
        timeoutMs: PATIENCE_MS,
      })) as Json
      return { replica, body }
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error
      // A page that has nothing to say, and a pod that has gone since the listing.
      if (error.status === 404) return { replica, body: undefined }
      if (error.status === 400) return { replica, body: undefined, refused: refusalOf(error.message) }
      return { replica, body: undefined, error: error.message }
    }
  }
  const replicas = async (): Promise<string[]> => {
    const pods = await listObjects(connection, `/api/v1/namespaces/${system}/pods`, { labelSelector })
    if (pods.length === 0)
      throw new WeftError(
        'mesh.silent',
        `there is no control plane in namespace ${system}: --weft-namespace says where Weft is installed`,
      )
    return pods.map(({ name }) => name)
  }
  return {
    async ask(page, query = {}) {
      const names = await replicas()
      return heard(await Promise.all(names.map((name) => askOne(name, page, query))))
    },
    async askAny(page, query = {}) {
      const names = await replicas()
      const silent: Answer[] = []
      for (const name of names) {
        const answer = await askOne(name, page, query)
        if (answer.body !== undefined) return { ...answer, replicas: names.length }
        silent.push(answer)
      }
      const [first] = heard(silent)
      return { ...(first as Answer), replicas: names.length }
    },
  }
}

/** Of a page that every replica has alike: the first that was given. Undefined: none has it. */
export function firstBody(answers: readonly Answer[]): Json | undefined {
  return answers.find(({ body }) => body !== undefined)?.body
}
