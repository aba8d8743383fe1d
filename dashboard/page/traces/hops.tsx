import type { HopExplanation, TraceExplanation } from '../../../core/api/explanation.ts'
import { useAnswer } from '../ask/use-answer.ts'
import { Panel } from '../parts/pieces.tsx'

/** Why the request went where it went, hop by hop, and what would be otherwise now. */
export function Hops({ id }: { id: string }) {
  const { value } = useAnswer<TraceExplanation>(`/api/explain/${encodeURIComponent(id)}`)
  if (!value || value.hops.length === 0)
    return (
      <p class="hint">
        <code>weft explain --trace {id}</code> tells of each hop why it went where it went.
      </p>
    )
  return (
    <Panel title="Why it went there" hint="as each sidecar decided">
      <ol class="hops">
        {value.hops.map((hop) => (
          <Hop key={`${hop.spanId} ${hop.direction}`} hop={hop} />
        ))}
      </ol>
    </Panel>
  )
}

function Hop({ hop }: { hop: HopExplanation }) {
  const { pod, namespace, direction, decided, differs, now, reason } = hop
  return (
    <li>
      <b>
        <bdi>{`${namespace}/${pod}`}</bdi>
      </b>{' '}
      <span class="kind">{direction}</span>
      <ul class="plain">
        {decided.map((sentence) => (
          <li key={sentence}>
            <bdi>{sentence}</bdi>
          </li>
        ))}
        {differs.map((sentence) => (
          <li key={sentence} class="poor">
            Now otherwise: <bdi>{sentence}</bdi>
          </li>
        ))}
        {!now && reason !== '' && <li class="dim">Its sidecar could not be asked: {reason}</li>}
      </ul>
    </li>
  )
}
