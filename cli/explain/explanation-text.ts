import type {
  ExplainAnswer,
  Explanation,
  HopExplanation,
  TraceExplanation,
} from '../../core/api/explanation.ts'
import { tableText } from '../cluster/table.ts'

const MOST_RULES = 20
const MOST_ENDPOINTS = 20

/** For a person, with its line ends. */
export function answerText({ caller, server, config }: ExplainAnswer): string {
  const behind =
    config.rejected !== ''
      ? [
          `the sidecar of ${caller.pod} refused its newest configuration and goes on with the one before: ${config.rejected}`,
        ]
      : config.took < config.latest
        ? [`the sidecar of ${caller.pod} is behind: it has version ${config.took} of ${config.latest}`]
        : []
  const parts = [
    `${outcomeText(caller)}\n`,
    sentences(behind),
    explanationText(caller),
    ...(server
      ? [`\nat ${server.namespace}/${server.pod}: ${outcomeText(server)}\n`, explanationText(server)]
      : []),
  ]
  return parts.join('')
}

export function traceText({ traceId, whole, hops }: TraceExplanation): string {
  const head = `trace ${traceId}${whole ? '' : ', of which spans are missing'}\n`
  if (hops.length === 0) return `${head}no sidecar told of it\n`
  return head + hops.map(hopText).join('')
}

function hopText({ namespace, pod, direction, decided, differs, now, reason }: HopExplanation): string {
  const title = `\n${direction === 'outbound' ? 'from' : 'at'} ${namespace}/${pod}\n`
  if (!now) return `${title}${sentences(decided)}  now: not known: ${reason}\n`
  const lines = differs.length === 0 ? ['now: the same'] : differs.map((one) => `now: ${one}`)
  return `${title}${sentences(decided)}${sentences([...lines, ...(reason === '' ? [] : [reason])])}`
}

function outcomeText({
  outcome,
  status,
  details,
  location,
  namespace,
  pod,
  sent,
  backends,
}: Explanation): string {
  const who = `the sidecar of ${namespace}/${pod}`
  switch (outcome) {
    case 'forwarded': {
      const to = backends
        .filter(({ odds }) => odds > 0)
        .map(({ cluster, odds }) => `${cluster || 'nothing'} (${percent(odds)})`)
      const as = sent ? ` as ${sent.method} ${sent.path} of ${sent.authority}` : ''
      return `${who} sends it on to ${to.join(', ')}${as}`
    }
    case 'redirected':
      return `${who} redirects it with ${status} to ${location}`
    case 'answered':
      return `${who} answers by itself: ${status}, ${details}`
    case 'refused':
      return `${who} refuses it: ${status > 0 ? `${status}, ` : ''}${details}`
    case 'passed-through':
      return `${who} passes it on as it is: it is not for the mesh`
    case 'unknown':
      return `${who} cannot tell`
  }
}

function explanationText(one: Explanation): string {
  const { listener, virtualHost, configVersion, identity, policy, retries, notes } = one
  const lines = [
    ...(listener === '' ? [] : [`listener: ${listener}`]),
    ...(virtualHost === '' ? [] : [`virtual host: ${virtualHost}`]),
  ]
  const skipped = Math.max(0, one.rules.length - MOST_RULES)
  const rules = one.rules
    .slice(skipped)
    .map(({ name, matches, reason }) => `${matches ? 'matches' : 'no match'}: ${name}: ${reason}`)
  const tried =
    retries === null
      ? []
      : [
          `up to ${retries.tries} tries (${retries.from}), again after: ${retries.on.join(', ') || 'nothing that can happen to this request'}`,
          ...(retries.repeatable ? [] : ['it is not repeated once it may have reached the application']),
        ]
  const steps = one.steps.map(
    ({ name, said, odds, status }) =>
      `${name}: ${said}${status > 0 && odds > 0 && odds < 1 ? ` (${status}, ${percent(odds)})` : ''}`,
  )
  return [
    sentences(lines),
    sentences(skipped > 0 ? [`${skipped} rules before these do not match either: --json has them`] : []),
    sentences(rules),
    sentences(steps),
    endpointsText(one),
    sentences(one.timeouts.map(({ name, ms, from }) => `timeout of ${name}: ${ms} ms (${from})`)),
    sentences(tried),
    sentences(
      policy === null
        ? []
        : [`policy: ${policy.decision}${policy.rule === '' ? '' : ` by ${policy.rule}`}: ${policy.reason}`],
    ),
    sentences([
      ...(identity.own === '' ? [] : [`it shows ${identity.own}`]),
      ...(identity.expected.length === 0 ? [] : [`it expects ${identity.expected.join(' or ')}`]),
      ...(configVersion === '' ? [] : [`configuration version ${configVersion}`]),
    ]),
    sentences(notes),
  ].join('')
}

function endpointsText({ backends }: Explanation): string {
  const rows = backends
    .filter(({ odds }) => odds > 0)
    .flatMap(({ cluster, odds, endpoints }) =>
      endpoints.map((endpoint) => [
        cluster,
        endpoint.address,
        endpoint.workload || '-',
        endpoint.zone || '-',
        percent(odds * endpoint.odds),
        endpoint.ejected === '' ? endpoint.standing : `${endpoint.standing}: ${endpoint.ejected}`,
        endpoint.score === null ? '-' : `${endpoint.score.toFixed(1)} ms`,
        String(endpoint.active),
      ]),
    )
  if (rows.length === 0) return ''
  const shown = rows.slice(0, MOST_ENDPOINTS)
  const more = rows.length - shown.length
  const table = tableText(['BACKEND', 'ENDPOINT', 'POD', 'ZONE', 'ODDS', 'STATE', 'SCORE', 'ACTIVE'], shown)
  return `${table.replace(/^(?=.)/gm, '  ')}${more > 0 ? `  ${more} more endpoints: --json has them\n` : ''}`
}

function percent(odds: number): string {
  return `${(odds * 100).toFixed(odds > 0 && odds < 0.1 ? 1 : 0)} %`
}

function sentences(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}\n`).join('')
}
