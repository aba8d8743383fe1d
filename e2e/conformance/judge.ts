import type { RouteStatus } from '../../control-plane/model/route.ts'
import type { Answer } from './app/call.ts'
import type { Case, CaseRequest, Expectation } from './case.ts'

interface Received {
  readonly version?: string
  readonly path?: string
  readonly host?: string
  readonly protocol?: string
  readonly times?: number
  readonly headers?: Readonly<Record<string, string>>
}

/** What is wrong with the answers to one request; empty: nothing. */
export function judge(
  { to, over, method = over === 'grpc' ? 'POST' : 'GET', path = '/', serverName = '', expect }: CaseRequest,
  answers: readonly Answer[],
): string[] {
  const bytes = over === 'tcp' || over === 'tls'
  const where = bytes ? `${over} ${serverName} ${to}` : `${method} ${to}${path}`
  const problems = answers.flatMap((answer) => judgeOne(expect, answer))
  const versions = answers.map((answer) => receivedBy(answer).version ?? '')
  if (expect.oneVersion && new Set(versions).size !== 1)
    problems.push(`came to ${[...new Set(versions)].join(', ')}`)
  for (const [version, percent] of Object.entries(expect.shares ?? {})) {
    const share = (versions.filter((one) => one === version).length / versions.length) * 100
    if (Math.abs(share - percent) > 5) problems.push(`${version} got ${share} %, not ${percent} %`)
  }
  return [...new Set(problems)].map((problem) => `${where}: ${problem}`)
}

function judgeOne(expect: Expectation, answer: Answer): string[] {
  const problems: string[] = []
  const same = (what: string, got: unknown, wanted: unknown): void => {
    if (got !== wanted) problems.push(`${what} is ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`)
  }
  const received = receivedBy(answer)
  same('status', answer.status, expect.status ?? 200)
  if (expect.body !== undefined) same('body', answer.body, expect.body)
  if (expect.version !== undefined) same('version', received.version, expect.version)
  if (expect.receivedPath !== undefined) same('received path', received.path, expect.receivedPath)
  if (expect.receivedHost !== undefined) same('received host', received.host, expect.receivedHost)
  if (expect.receivedProtocol !== undefined)
    same('received protocol', received.protocol, expect.receivedProtocol)
  if (expect.times !== undefined) same('times', received.times, expect.times)
  const [least = -Infinity, most = Infinity] = expect.bodyBetween ?? []
  if (expect.bodyBetween && !(Number(answer.body) >= least && Number(answer.body) <= most))
    problems.push(`body is ${JSON.stringify(answer.body)}, not a number from ${least} to ${most}`)
  for (const [name, value] of Object.entries(expect.headers ?? {}))
    same(name, textOf(answer.headers[name]), value ?? undefined)
  for (const [name, value] of Object.entries(expect.received ?? {}))
    same(`received ${name}`, received.headers?.[name], value ?? undefined)
  return problems
}

function textOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'object' ? value.join(', ') : value
}

function receivedBy({ body }: Answer): Received {
  return body.startsWith('{') ? (JSON.parse(body) as Received) : {}
}

/** What is wrong with the conditions of a case's routes. */
export function judgeStatus(
  { status }: Case,
  routes: readonly RouteStatus[],
  generations: ReadonlyMap<string, number>,
): string[] {
  return Object.entries(status).flatMap(([key, wanted]) => {
    const route = routes.find(({ kind, namespace, name }) => `${kind}/${namespace}/${name}` === key)
    const conditions = route?.parents[0]?.conditions ?? []
    const got = conditions.map(({ type, status, reason }) => `${type}=${status}/${reason}`)
    const stale = conditions.filter(({ observedGeneration }) => observedGeneration !== generations.get(key))
    return [
      ...(JSON.stringify(got) === JSON.stringify(wanted)
        ? []
        : [`${key}: ${got.join(', ')}, not ${wanted.join(', ')}`]),
      ...stale.map(({ type }) => `${key}: ${type} is of another generation`),
    ]
  })
}
