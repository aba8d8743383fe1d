/** Reads events one by one, those of these names. */
export async function listen(url: string, headers: Readonly<Record<string, string>> = {}) {
  const stop = new AbortController()
  const answer = await fetch(url, { signal: stop.signal, headers })
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  const next = async (name: string): Promise<unknown> => {
    for (;;) {
      const end = text.indexOf('\n\n')
      if (end < 0) {
        const chunk = await reader?.read()
        if (!chunk || chunk.done) throw new Error('the stream ended')
        text += chunk.value
        continue
      }
      const [, event, data] = /^event: (.*)\ndata: (.*)$/.exec(text.slice(0, end)) ?? []
      text = text.slice(end + 2)
      if (event === name) return JSON.parse(data ?? '')
    }
  }
  return { status: answer.status, headers: answer.headers, next, stop: () => stop.abort() }
}
