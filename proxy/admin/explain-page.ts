import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { WeftError } from '../../core/errors.ts'
import { readAsked } from '../../core/explain/asked-request.ts'
import type { ProxyExplanation, ProxyQuestion } from '../../core/explain/proxy-question.ts'
import { json, type Reply } from './http-endpoint.ts'

/** Explanations at once: each may wait for configuration. */
const MOST_AT_ONCE = 4
const PARAMETERS = ['to', 'method', 'header']

/**
 * `/explain?to=URL[&method=METHOD][&header=NAME: VALUE]...`: what would become of a request of this pod's application. A host is
 * looked up as the application would.
 */
export function explainPage(
  explain: (question: ProxyQuestion) => Promise<ProxyExplanation>,
): (url: URL) => Promise<Reply> {
  let running = 0
  return async ({ searchParams }) => {
    const unknown = [...searchParams.keys()].find((name) => !PARAMETERS.includes(name))
    if (unknown !== undefined)
      return { status: 400, body: `${unknown}: there are ${PARAMETERS.join(', ')}\n` }
    if (running >= MOST_AT_ONCE) return { status: 503, body: 'too many explanations at once: ask again\n' }
    running++
    try {
      const { host, port, carries, serverName, alpn, request } = readAsked({
        to: searchParams.get('to') ?? '',
        method: searchParams.get('method') ?? '',
        headers: Object.fromEntries(searchParams.getAll('header').map(nameAndValue)),
      })
      const address = isIP(host) === 0 ? await addressOf(host) : host
      const { explanation } = await explain({
        direction: 'outbound',
        address,
        port,
        carries,
        serverName,
        alpn,
        passedName: '',
        identity: '',
        source: '',
        request,
      })
      return json(explanation)
    } catch (error) {
      if (!(error instanceof WeftError)) throw error
      return { status: 400, body: `${error.field ?? 'to'}: ${error.message}\n` }
    } finally {
      running--
    }
  }
}

function nameAndValue(text: string): [string, string] {
  const colon = text.indexOf(':')
  if (colon < 1) throw new WeftError('explain.asked', `"${text}" must be NAME: VALUE`, { field: 'header' })
  return [text.slice(0, colon), text.slice(colon + 1)]
}

async function addressOf(host: string): Promise<string> {
  try {
    return (await lookup(host)).address
  } catch {
    throw new WeftError('explain.asked', `DNS knows no address of ${host}`, { field: 'to' })
  }
}
