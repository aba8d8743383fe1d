import { useEffect, useState } from 'preact/hooks'
import { ask, token, type Reply } from './ask.ts'

/** What a view has of a page: the last value stays while nobody answers. */
export interface Answer<T> {
  readonly value: T | undefined
  /** The last answer, where it was none; undefined while it is asked for the first time. */
  readonly trouble: Exclude<Reply<T>, { kind: 'here' }> | undefined
  readonly asked: boolean
}

const NOT_ASKED: Answer<never> = { value: undefined, trouble: undefined, asked: false }

/**
 * Asks for `path` and, with `everyMs`, again and again while the page can be seen. Another path begins anew; null asks
 * nothing.
 */
export function useAnswer<T>(path: string | null, everyMs = 0): Answer<T> {
  const [answer, setAnswer] = useState<{ path: string | null; answer: Answer<T> }>({
    path,
    answer: NOT_ASKED,
  })
  const by = token.value
  useEffect(() => {
    if (path === null) return undefined
    const stop = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const again = async (): Promise<void> => {
      if (!document.hidden) {
        const reply = await ask<T>(path, {}, stop.signal)
        if (stop.signal.aborted) return
        setAnswer((before) => ({
          path,
          answer: joined(before.path === path ? before.answer : NOT_ASKED, reply),
        }))
      }
      if (everyMs > 0) timer = setTimeout(() => void again(), everyMs)
    }
    void again()
    return () => {
      stop.abort()
      clearTimeout(timer)
    }
  }, [path, everyMs, by])
  return answer.path === path ? answer.answer : NOT_ASKED
}

function joined<T>(before: Answer<T>, reply: Reply<T>): Answer<T> {
  if (reply.kind === 'here') return { value: reply.value, trouble: undefined, asked: true }
  const value = reply.kind === 'away' ? before.value : undefined
  return { value, trouble: reply, asked: true }
}
