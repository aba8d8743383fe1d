import { failed, headers, type Reply } from './ask.ts'

/**
 * Server-sent events by fetch: `EventSource` hides the status of an answer and sends no token. Gives how it ended; `away` also
 * where it was open and broke. Events come one by one with their name and data.
 */
export async function readEvents(
  path: string,
  onEvent: (name: string, data: string) => void,
  signal: AbortSignal,
  onOpen: () => void = () => undefined,
): Promise<Exclude<Reply<never>, { kind: 'here' }>> {
  try {
    const response = await fetch(path, { headers: { ...headers(), accept: 'text/event-stream' }, signal })
    if (!response.ok) return await failed(response)
    if (!(response.headers.get('content-type') ?? '').startsWith('text/event-stream') || !response.body)
      return { kind: 'missing', code: '', message: 'answered with something else than events' }
    onOpen()
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    const parse = eventParser(onEvent)
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return { kind: 'away', message: 'the stream ended' }
      parse(value)
    }
  } catch (error) {
    return { kind: 'away', message: error instanceof Error ? error.message : String(error) }
  }
}

/** Lines by https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation, without `id` and `retry`. */
export function eventParser(onEvent: (name: string, data: string) => void): (chunk: string) => void {
  let rest = ''
  let name = ''
  let data: string[] = []
  return (chunk) => {
    const lines = (rest + chunk).split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) onEvent(name === '' ? 'message' : name, data.join('\n'))
        name = ''
        data = []
      } else if (!line.startsWith(':')) {
        const colon = line.indexOf(':')
        const field = colon < 0 ? line : line.slice(0, colon)
        const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
        if (field === 'event') name = value
        else if (field === 'data') data.push(value)
      }
    }
  }
}
