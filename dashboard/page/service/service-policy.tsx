import type { GraphNode } from '../../../core/api/traffic.ts'
import { linkTo } from '../address/navigate.ts'
import type { PolicyOverview } from '../ask/pages.ts'
import { useAnswer } from '../ask/use-answer.ts'
import { Panel, Waiting } from '../parts/pieces.tsx'

const WORDS: Readonly<Record<GraphNode['policy'], string>> = {
  open: 'No policy restricts who may call it.',
  restricted: 'Policies say who may call it.',
  denied: 'Nobody may call it.',
}

/** Who may call it, and the policies that say how its requests are treated. */
export function ServicePolicy({ node }: { node: GraphNode }) {
  const answer = useAnswer<PolicyOverview>('/api/policies', 10_000)
  const { name, namespace } = node
  const policies = (answer.value?.policies ?? []).filter(({ targets }) =>
    targets.some(
      (target) =>
        (target.name === name && target.namespace === namespace) ||
        (target.kind === 'Namespace' && target.name === namespace),
    ),
  )
  return (
    <Panel title="Policy" hint={<a href={linkTo('policy')}>who was refused</a>}>
      <p>
        {WORDS[node.policy]} What holds for one of its pods:{' '}
        <code>weft policy effective POD -n {namespace}</code>
      </p>
      {!answer.value && <Waiting answer={answer} what="policies" />}
      {policies.length > 0 && (
        <ul class="plain">
          {policies.map(({ kind, namespace: home, name: own, targets }) => (
            <li key={`${kind} ${home} ${own}`}>
              <b>
                {kind} <bdi>{home === '' ? own : `${home}/${own}`}</bdi>
              </b>{' '}
              {targets
                .filter(({ accepted, partly }) => !accepted || partly !== '')
                .map((target) => (
                  <span key={target.name} class="bad">
                    {target.accepted ? target.partly : `${target.reason}: ${target.message}`}
                  </span>
                ))}
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}
