import type { FastifyInstance } from 'fastify'
import type { ServiceConfiguration, ServiceEndpoints } from '../../../core/api/service.ts'
import type { Clock } from '../../../core/clock.ts'
import type { ServiceView } from '../../service-view.ts'
import type { MeshAnswers } from '../answers/mesh-answers.ts'
import type { Topology } from '../graph/topology.ts'
import { askCallers, type AskedCallers } from '../service/asked-callers.ts'
import type { ObjectReference } from '../../registry/object-reference.ts'
import { configurationWords } from '../service/configuration-words.ts'
import { objectsAsYaml, type ReadObject } from '../service/object-yaml.ts'
import { serviceEndpoints } from '../service/service-endpoints.ts'
import { failure } from './failure.ts'
import type { ExplainPagesOptions } from './explain-pages.ts'
import type { MeshOverview } from './overview.ts'
import { nameParameter, onlyParameters, type Query } from './parameters.ts'

/** The objects by which a Service is configured, and how each is read. */
export interface ServiceObjects {
  readonly concerned: (namespace: string, name: string) => readonly ObjectReference[]
  readonly read: ReadObject
}

export interface ServicePagesOptions {
  readonly mesh: MeshOverview
  readonly answers: MeshAnswers
  readonly topology: () => Topology
  readonly clock: Clock
  /** Whom callers' sidecars are asked by; left out: nobody is asked. */
  readonly asking?: ExplainPagesOptions['explaining'] | undefined
  /** Left out: no object is shown. */
  readonly objects?: ServiceObjects | undefined
}

/** However many look at a Service, its callers are asked once in so long. Milliseconds. */
const FRESH_MS = 2000
const MOST_KEPT = 64

/**
 * `/api/services/NAMESPACE/NAME`: a Service with its ports, the rules of their routes and every endpoint; below it what
 * core/api/service.ts says.
 */
export function servicePages(app: FastifyInstance, options: ServicePagesOptions): void {
  const { mesh, answers, topology, clock, asking, objects } = options
  const page = (path: string, answer: (service: ServiceView) => unknown): void => {
    app.get(`/api/services/:namespace/:name${path}`, (request, reply) => {
      onlyParameters(request.query as Query, [])
      const of = request.params as Query
      const namespace = nameParameter(of, 'namespace')
      const name = nameParameter(of, 'name')
      const found = mesh.services().find((one) => one.namespace === namespace && one.name === name)
      if (found) return answer(found)
      return reply.code(404).send(failure('api.no_service', 'there is no such Service', 'name'))
    })
  }
  const idOf = ({ name, namespace }: ServiceView): string => `${name}.${namespace}`

  /** It, and those that take its requests. */
  const used = (service: ServiceView): readonly ServiceView[] => {
    const led = new Set((topology().services.get(idOf(service))?.led ?? []).map(({ id }) => id))
    const others = mesh.services().filter((one) => led.has(idOf(one)) && one !== service)
    return [service, ...others]
  }

  const callersLoads = async (service: ServiceView): Promise<AskedCallers> => {
    const { callers } = await answers.callersOf(idOf(service))
    const clusters = used(service).flatMap(({ ports }) => ports.map(({ cluster }) => cluster))
    const pods = mesh.pods().map(({ namespace, pod, service: workload }) => ({
      key: `${namespace}/${pod}`,
      workload: `${workload}.${namespace}`,
    }))
    if (!asking) return { asked: [], unanswered: [], callers: 0, loads: [] }
    return askCallers(clusters, callers, pods, asking)
  }
  const kept = new Map<string, { readonly at: number; readonly answer: Promise<AskedCallers> }>()
  const recentLoads = (service: ServiceView): Promise<AskedCallers> => {
    const now = clock.now()
    const before = kept.get(idOf(service))
    if (before && now - before.at < FRESH_MS) return before.answer
    kept.delete(idOf(service))
    const [oldest] = kept.keys()
    if (kept.size >= MOST_KEPT && oldest !== undefined) kept.delete(oldest)
    const answer = callersLoads(service)
    kept.set(idOf(service), { at: now, answer })
    return answer
  }

  page('', (service) => service)
  page('/endpoints', async (service): Promise<ServiceEndpoints> => {
    const [{ loads, ...asked }, ejections, sidecars] = await Promise.all([
      recentLoads(service),
      answers.ejections(),
      answers.sidecars(mesh.pods()),
    ])
    const known = { loads, ejections: ejections.value, sidecars: sidecars.sidecars }
    const endpoints = serviceEndpoints(used(service), known)
    return { coverage: sidecars.coverage, now: clock.now(), ...asked, endpoints }
  })
  page('/configuration', async (service): Promise<ServiceConfiguration> => {
    const { name, namespace } = service
    const settings = mesh
      .policies()
      .services.find((one) => one.name === name && one.namespace === namespace)?.settings
    const policy = topology().services.get(idOf(service))?.policy ?? 'open'
    return {
      words: configurationWords(service, settings, policy),
      objects: objects ? await objectsAsYaml(objects.concerned(namespace, name), objects.read) : [],
    }
  })
}
