import type {
  CallRow,
  ObservedView,
  ObservedWorkload,
} from '../../../control-plane/serve/telemetry/observed-view.ts'
import type { AllowedCall, Unwritten } from './allowed-calls.ts'

/** How sure it is that a suggestion allows what its workload needs, and what is not known. */
export interface Certainty {
  /** `low`: calls are known to be missing, or little was seen; `high`: nothing speaks against it. */
  readonly level: 'low' | 'medium' | 'high'
  /** Calls that the suggestion allows. */
  readonly calls: number
  /** For how long a pod of it was watched within the time asked for. Milliseconds. */
  readonly watchedMs: number
  /**
   * The chance that the next call is of a kind that was not seen: the share of kinds that came once among all calls
   * (Good and Turing's estimate; Good, "The population frequencies of species", Biometrika 40, 1953). Null: nothing was seen.
   */
  readonly unseen: number | null
  readonly reasons: readonly Reason[]
}

export interface Reason {
  readonly code:
    | 'nothing-seen'
    | 'not-watched'
    | 'watched-briefly'
    | 'few-calls'
    | 'new-kinds'
    | 'plaintext'
    | 'not-writable'
    | 'overflow'
    | 'evicted'
    | 'restarts'
    | 'refused'
    | 'unanswered'
    | 'ports-never-called'
    | 'without-sidecar'
    | 'rare-calls'
  readonly level: Certainty['level']
  readonly message: string
}

const HOUR_MS = 3_600_000
const FEW_CALLS = 1000
/** Of what was asked for. */
const MOSTLY = 0.9
const LATE = 0.1

/** What speaks for and against what was seen of a workload. `view` is what the control planes told, of which it is a part. */
export function certaintyOf(
  view: ObservedView,
  workload: ObservedWorkload,
  calls: readonly AllowedCall[],
  unwritten: readonly Unwritten[],
): Certainty {
  const askedMs = view.now - view.since
  const watchedMs = watched(view, workload)
  const total = sum(calls)
  const once = calls.filter(({ count }) => count === 1).length
  const unseen = total === 0 ? null : Math.min(1, once / total)
  const reasons = [
    ...seen(watchedMs, askedMs, total),
    ...newKinds(view, calls, watchedMs),
    ...lacking(view, workload, unwritten, total),
    ...notCovered(view, workload),
    rareCalls(watchedMs),
  ]
  const levels = new Set(reasons.map(({ level }) => level))
  const level = levels.has('low') ? 'low' : levels.has('medium') ? 'medium' : 'high'
  return { level, calls: total, watchedMs, unseen, reasons }
}

/** From the first moment at which a pod of it was watched to the last. */
function watched({ now, since }: ObservedView, { watched: pods }: ObservedWorkload): number {
  if (pods.length === 0) return 0
  const first = Math.max(since, Math.min(...pods.map((pod) => pod.since)))
  // Sidecars tell once in five minutes at least.
  const last = Math.max(...pods.map(({ reported }) => reported))
  return Math.max(0, (now - last < 10 * 60_000 ? now : last) - first)
}

function* seen(watchedMs: number, askedMs: number, total: number): Generator<Reason> {
  if (watchedMs === 0)
    yield { code: 'not-watched', level: 'low', message: 'no sidecar of it has told what it saw' }
  else if (watchedMs < Math.min(HOUR_MS, MOSTLY * askedMs))
    yield { code: 'watched-briefly', level: 'low', message: `watched for ${spanText(watchedMs)} alone` }
  else if (watchedMs < MOSTLY * askedMs) {
    const message = `watched for ${spanText(watchedMs)} of the ${spanText(askedMs)} asked for`
    yield { code: 'watched-briefly', level: 'medium', message }
  }
  if (total === 0) yield { code: 'nothing-seen', level: 'low', message: 'nobody was seen to be served by it' }
  else if (total < FEW_CALLS)
    yield { code: 'few-calls', level: 'medium', message: `only ${countText(total, 'call')} seen` }
}

function* newKinds(
  { now }: ObservedView,
  calls: readonly AllowedCall[],
  watchedMs: number,
): Generator<Reason> {
  const late = calls.filter(({ first }) => watchedMs > 0 && now - first < LATE * watchedMs).length
  if (late === 0 || late === calls.length) return
  const message = `${late} of ${countText(calls.length, 'kind')} of calls came first in the last tenth of the time: more may come`
  yield { code: 'new-kinds', level: 'medium', message }
}

function* lacking(
  { evicted }: ObservedView,
  workload: ObservedWorkload,
  unwritten: readonly Unwritten[],
  total: number,
): Generator<Reason> {
  const plain = unwritten.filter(({ call }) => call.source === '')
  if (plain.length > 0) {
    const callers = [...new Set(plain.map(({ call }) => callerOf(call)))].sort()
    const message =
      `${countText(sum(plain.map(({ call }) => call)), 'call')} in plaintext, which no identity can allow, from ` +
      `${someOf(callers)}: give them sidecars, or they are refused`
    yield { code: 'plaintext', level: 'low', message }
  }
  for (const { call, reason } of unwritten.filter(({ call: one }) => one.source !== ''))
    yield {
      code: 'not-writable',
      level: 'low',
      message: `${countText(call.count, 'call')} of ${call.source}: ${reason}`,
    }
  const others = workload.watched.reduce((all, pod) => all + pod.others, 0)
  if (others > 0) {
    const share = ((100 * others) / (others + total)).toPrecision(2)
    const message = `${countText(others, 'call')} (${share} %) of kinds that found no room in the sidecars: who made them is not known`
    yield { code: 'overflow', level: 'low', message }
  }
  if (evicted > 0) {
    const message = `the control plane forgot ${countText(evicted, 'kind')} of calls of the mesh, for want of room`
    yield { code: 'evicted', level: 'low', message }
  }
  const restarts = workload.watched.reduce((all, pod) => all + pod.restarts, 0)
  if (restarts > 0) {
    const message = `sidecars began anew ${restarts === 1 ? 'once' : `${restarts} times`}: up to 5 s of calls before are lost each time`
    yield { code: 'restarts', level: 'medium', message }
  }
}

function* notCovered(view: ObservedView, { namespace, ports, calls }: ObservedWorkload): Generator<Reason> {
  const refused = calls.filter(({ outcome }) => outcome === 'refused')
  if (refused.length > 0) {
    const from = someOf([...new Set(refused.map(callerOf))].sort())
    const message = `${countText(sum(refused), 'call')} refused by policies that are in force, from ${from}: not allowed here either`
    yield { code: 'refused', level: 'medium', message }
  }
  const unanswered = calls.filter(({ outcome, source }) => outcome === 'unanswered' && source !== '')
  if (unanswered.length > 0) {
    const from = someOf([...new Set(unanswered.map(callerOf))].sort())
    const message = `${countText(sum(unanswered), 'call')} that it has nothing for (404, 405, UNIMPLEMENTED, no answer), from ${from}: not allowed`
    yield { code: 'unanswered', level: 'high', message }
  }
  const called = new Set(calls.filter(({ outcome }) => outcome === 'served').map(({ port }) => port))
  const never = ports.map(({ port }) => port).filter((port) => !called.has(port))
  if (never.length > 0 && called.size > 0) {
    const message = `never seen called: port ${never.join(', ')}; nobody may call it then`
    yield { code: 'ports-never-called', level: 'high', message }
  }
  const bare = view.withoutSidecar.filter((pod) => pod.endsWith(`.${namespace}`))
  if (bare.length > 0) {
    const message = `pods of ${namespace} without a sidecar enforce nothing and report nothing: ${someOf(bare)}`
    yield { code: 'without-sidecar', level: 'high', message }
  }
}

function rareCalls(watchedMs: number): Reason {
  const message = `what happens less often than every ${spanText(watchedMs)} (jobs of a night or a month, failovers, deployments) was not seen`
  return { code: 'rare-calls', level: 'high', message }
}

/** Who made it, for people. */
export function callerOf({ source, caller, address }: CallRow): string {
  if (source !== '') return source
  return caller === '' ? address || 'unknown addresses' : `${caller} (${address})`
}

function sum(all: readonly { readonly count: number }[]): number {
  return all.reduce((total, { count }) => total + count, 0)
}

function someOf(all: readonly string[]): string {
  const most = 5
  return all.length <= most
    ? all.join(', ')
    : `${all.slice(0, most).join(', ')} and ${all.length - most} more`
}

export function countText(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

/** `5 h 10 min`, `40 s`. */
export function spanText(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
