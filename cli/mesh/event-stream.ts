import { createParser } from 'eventsource-parser'
import { request } from 'undici'
import { describeError, WeftError } from '../../core/errors.ts'
import { apiHeaders } from './api-headers.ts'
import type { MeshApi, PageQuery } from './mesh-api.ts'

export interface StreamEvent {
  /** Its name, such as `request`. */
  readonly event: string
  /** JSON that was read. */
  readonly data: unknown
}

/** A line of an event that has no end is no event. */
const MAX_EVENT_BYTES = 1024 * 1024
/** A control plane says something every 15 s, be it a comment: after three of these that did not come, nobody is there. */
const MOST_SILENCE_MS = 45_000

/**
 * Follows a page of server-sent events (HTML, section 9.2) of one control plane until `signal`, or until the server ends it. Throws
 * WeftError `mesh.stream` where the control plane does not open it, with what it says, and `mesh.stream_lost` where it is not
 * reached, breaks, or is silent for 45 s.
 */
export async function followPage(
  mesh: Pick<MeshApi, 'openBase'>,
  page: string,
  query: PageQuery,
  signal: AbortSignal,
  onEvent: (event: StreamEvent) => void,
): Promise<void> {
  const base = await mesh.openBase()
  const url = `${base}/api/${page}?${new URLSearchParams(query).toString()}`
  const parser = createParser({
    maxBufferSize: MAX_EVENT_BYTES,
    onEvent: ({ event = 'message', data }) => {
      const read = jsonOf(data)
      if (read !== undefined) onEvent({ event, data: read })
    },
  })
  try {
    const { statusCode, body } = await request(url, {
      headers: { accept: 'text/event-stream', ...apiHeaders() },
      bodyTimeout: MOST_SILENCE_MS,
      signal,
    })
    if (statusCode !== 200) throw new WeftError('mesh.stream', await reasonOf(page, statusCode, body))
    const decoder = new TextDecoder()
    for await (const chunk of body) parser.feed(decoder.decode(chunk as Buffer, { stream: true }))
  } catch (error) {
    if (signal.aborted) return
    if (error instanceof WeftError) throw error
    throw new WeftError('mesh.stream_lost', `the stream of ${page} broke: ${describeError(error)}`)
  }
}

async function reasonOf(page: string, status: number, body: { text(): Promise<string> }): Promise<string> {
  if (status === 404) {
    await body.text()
    return `the control plane has no page ${page}: it is of a version before it`
  }
  const answer = jsonOf(await body.text()) as { readonly error?: { readonly message?: string } } | undefined
  return answer?.error?.message ?? `the control plane answers ${page} with ${status}`
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
