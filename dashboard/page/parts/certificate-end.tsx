import { dateTime, duration } from '../words/format.ts'

/** Certificates are renewed long before: what is left of less than that is not as it should be. */
const SOON_MS = 3_600_000

/** When a certificate ends; null: nobody has told. */
export function CertificateEnd({ at, now }: { at: number | null; now: number }) {
  if (at === null) return <span class="dim">not told</span>
  const left = (at - now) / 1000
  return (
    <time class={left <= 0 ? 'bad' : left * 1000 < SOON_MS ? 'poor' : ''} title={dateTime(at)}>
      {left <= 0 ? `ended ${duration(-left)} ago` : `in ${duration(left)}`}
    </time>
  )
}
