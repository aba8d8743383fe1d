import type { GraphNode } from '../../../core/api/traffic.ts'
import type { ServiceConfiguration } from '../../../core/api/service.ts'
import { useAnswer } from '../ask/use-answer.ts'
import { CopyButton } from '../parts/copy-button.tsx'
import { Panel, Waiting } from '../parts/pieces.tsx'
import { plural } from '../words/format.ts'

const POLL_MS = 30_000

/** What holds for a service, in words, and the objects that say so. */
export function Configuration({ node }: { node: GraphNode }) {
  const answer = useAnswer<ServiceConfiguration>(
    `/api/services/${encodeURIComponent(node.namespace)}/${encodeURIComponent(node.name)}/configuration`,
    POLL_MS,
  )
  if (!answer.value)
    return (
      <Panel title="Configuration">
        <Waiting answer={answer} what="its configuration" />
      </Panel>
    )
  const { words, objects } = answer.value
  const whole = objects.flatMap(({ yaml }) => (yaml === '' ? [] : [yaml])).join('---\n')
  return (
    <Panel title="Configuration" hint={plural(objects.length, 'object')}>
      <ul class="words">
        {words.map((one) => (
          <li key={one}>
            <bdi>{one}</bdi>
          </li>
        ))}
      </ul>
      {objects.map(({ kind, namespace, name, yaml, problem }) => (
        <details key={`${kind} ${namespace} ${name}`}>
          <summary>
            {kind} <bdi>{namespace === '' ? name : `${namespace}/${name}`}</bdi>
            {problem !== '' && <span class="poor"> cannot be shown: {problem}</span>}
          </summary>
          {yaml !== '' && (
            <pre class="config" tabIndex={0} aria-label={`YAML of ${kind} ${name}`}>
              {yaml}
            </pre>
          )}
        </details>
      ))}
      {whole !== '' && (
        <p>
          <CopyButton text={whole} what="all objects as YAML" />
        </p>
      )}
    </Panel>
  )
}
