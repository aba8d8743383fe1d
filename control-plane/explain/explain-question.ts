import type { ExplainAnswer, Explanation, Question } from '../../core/api/explanation.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import { readAsked } from '../../core/explain/asked-request.ts'
import { newDraft } from '../../core/explain/draft.ts'
import type { ProxyExplanation, ProxyQuestion } from '../../core/explain/proxy-question.ts'
import type { Mesh, Workload } from '../model/mesh.ts'
import type { AskProxy, ProxyAnswer } from './ask-proxy.ts'
import { placeOf, podsOf } from './places.ts'

export interface Explaining {
  readonly mesh: () => Mesh
  readonly ask: AskProxy
  /** Of `namespace/pod`: it is connected to this replica. */
  readonly connected: (pod: string) => boolean
}

/**
 * What would become of a request: by the sidecar of its caller, and then by that of the server. Throws WeftError `explain.from`,
 * `explain.asked` (of what is asked about, by its field) and `questions.*` (of the caller's sidecar).
 */
export async function explainQuestion(
  { from, to, method, headers }: Question,
  { mesh, ask, connected }: Explaining,
): Promise<ExplainAnswer> {
  const pods = podsOf(mesh(), from)
  const asked = readAsked({ to, method, headers })
  // Any of them will do; one that is connected here is asked without a detour.
  const pod = pods.find(({ key }) => connected(key)) ?? (pods[0] as Workload)
  const place = placeOf(mesh(), asked.host, asked.port, pod.namespace)
  if (!place) return outside(pod, asked.host)
  const { port, carries, serverName, alpn, request } = asked
  const found = await ask(pod.key, 'explain', {
    direction: 'outbound',
    address: place.address,
    port,
    carries,
    serverName,
    alpn,
    passedName: '',
    identity: '',
    source: '',
    request,
  } satisfies ProxyQuestion)
  const { explanation, next } = proxyExplanation(found)
  const notes = [...place.notes, ...explanation.notes]
  if (pods.length > 1) notes.push(`${pods.length} pods are ${from}: ${pod.key} was asked`)
  const { server, note } = await serverOf(next, pod, ask)
  const caller: Explanation = {
    ...explanation,
    policy: server?.policy ?? explanation.policy,
    notes: note === '' ? notes : [...notes, note],
  }
  const { took, latest, rejected } = found
  return { caller, server, config: { took, latest, rejected } }
}

/**
 * Of what a proxy of any release answers: the parts that are read here are there. Throws WeftError `questions.failed` where they
 * are not; whoever has a pod may have it answer what he likes.
 */
export function proxyExplanation({ answer }: ProxyAnswer): ProxyExplanation {
  const { explanation, next } = (answer ?? {}) as Readonly<Record<string, unknown>>
  if (!isExplanation(explanation) || !isNext(next))
    throw new WeftError('questions.failed', 'the sidecar answered with what is no explanation')
  return answer as ProxyExplanation
}

const TEXTS = [
  'pod',
  'namespace',
  'outcome',
  'details',
  'location',
  'listener',
  'route',
  'configVersion',
] as const

function isExplanation(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const one = value as Readonly<Record<keyof Explanation, unknown>>
  return (
    TEXTS.every((name) => typeof one[name] === 'string') &&
    typeof one.policy === 'object' &&
    [one.notes, one.backends, one.rules, one.steps, one.timeouts].every(Array.isArray) &&
    (one.notes as unknown[]).every((note) => typeof note === 'string') &&
    (one.backends as unknown[]).every(isBackend)
  )
}

function isBackend(value: unknown): boolean {
  const { cluster, odds, endpoints } = (value ?? {}) as Readonly<Record<string, unknown>>
  return typeof cluster === 'string' && typeof odds === 'number' && Array.isArray(endpoints)
}

function isNext(value: unknown): boolean {
  if (value === null) return true
  const { workload, question } = (value ?? {}) as Readonly<Record<string, unknown>>
  return typeof workload === 'string' && typeof question === 'object' && question !== null
}

async function serverOf(
  next: ProxyExplanation['next'],
  pod: Workload,
  ask: AskProxy,
): Promise<{ readonly server: Explanation | null; readonly note: string }> {
  if (!next) return { server: null, note: '' }
  const dot = next.workload.lastIndexOf('.')
  const key = `${next.workload.slice(dot + 1)}/${next.workload.slice(0, dot)}`
  const source = pod.addresses[0] ?? next.question.source
  try {
    const { explanation } = proxyExplanation(await ask(key, 'explain', { ...next.question, source }))
    return { server: explanation, note: '' }
  } catch (error) {
    return { server: null, note: `what the server's sidecar decides is not known: ${describeError(error)}` }
  }
}

/** The host is no name of the mesh: nobody has to be asked. */
function outside({ namespace, name, identity }: Workload, host: string): ExplainAnswer {
  const draft = newDraft({ pod: name, namespace }, '', identity)
  draft.outcome = 'passed-through'
  draft.notes.push(
    `no Service of the mesh is called ${host} for pods of ${namespace}: the application connects to whatever address DNS gives it, ` +
      'and its bytes pass as they come, without mutual TLS, routes or retries, unless that is an address of the mesh',
  )
  return { caller: draft, server: null, config: { took: 0, latest: 0, rejected: '' } }
}
