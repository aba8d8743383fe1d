import { useState } from 'preact/hooks'
import { linkTo, namespace } from '../address/navigate.ts'
import { ask } from '../ask/ask.ts'
import { may } from '../ask/live-mesh.ts'
import type { Canary, CanaryVersion } from '../ask/pages.ts'
import { useAnswer } from '../ask/use-answer.ts'
import { Confirm } from '../parts/confirm.tsx'
import { ServiceLink, Success, Waiting } from '../parts/pieces.tsx'
import { milliseconds, percent, plural } from '../words/format.ts'
import { serviceOf } from './backend-name.ts'
import { CanaryCharts } from './canary-charts.tsx'

const POLL_MS = 2000
const MOVING = ['Progressing', 'Paused', 'Promoting', 'Waiting']

/** Releases that go step by step, with what is known of both versions. */
export function CanariesView() {
  const answer = useAnswer<{ readonly canaries: readonly Canary[] }>('/api/canaries', POLL_MS)
  const all = answer.value?.canaries.filter(
    (one) => namespace.value === '' || one.namespace === namespace.value,
  )
  return (
    <>
      <h1>Canaries</h1>
      {!all && <Waiting answer={answer} what="canaries" />}
      {all?.length === 0 && (
        <p class="empty">
          There is no Canary{namespace.value === '' ? '' : ` in namespace ${namespace.value}`}. A Canary moves
          requests to a new version step by step, as far as what is seen of it allows.
        </p>
      )}
      {all?.map((canary) => (
        <CanaryCard key={`${canary.namespace}/${canary.name}`} canary={canary} />
      ))}
    </>
  )
}

function CanaryCard({ canary }: { canary: Canary }) {
  const { namespace: home, phase, message, weight, step, steps, evidence } = canary
  const moving = MOVING.includes(phase)
  const bad = phase === 'RolledBack' || phase === 'Failed'
  return (
    <section class="panel canary" aria-label={`Canary ${home}/${canary.name}`}>
      <div class="title-row">
        <h2>
          <bdi>
            {home}/{canary.name}
          </bdi>
        </h2>
        <span class={`tag ${bad ? 'bad' : moving ? 'warn' : 'good'}`}>{phase}</span>
        <span class="dim">
          {step >= steps.length ? 'all steps done' : `step ${step + 1} of ${steps.length}`}
        </span>
        <Actions canary={canary} />
      </div>
      <p class={bad ? 'bad' : ''}>
        <bdi>{message}</bdi>
      </p>
      <ol class="steps" aria-label="Steps">
        {steps.map((words, i) => (
          <li
            key={words + i}
            class={i < step ? 'done' : i === step ? 'now' : ''}
            aria-current={i === step ? 'step' : undefined}
          >
            {words}
          </li>
        ))}
      </ol>
      <table class="data versions-table">
        <caption class="unseen">What is known of both versions</caption>
        <thead>
          <tr>
            <th scope="col">Version</th>
            <th scope="col" class="number">
              Weight
            </th>
            <th scope="col" class="number">
              Requests
            </th>
            <th scope="col" class="number">
              Success
            </th>
            <th scope="col" class="number">
              Latency
            </th>
          </tr>
        </thead>
        <tbody>
          <VersionRow name={canary.stable} namespace={home} weight={100 - weight} version={evidence.stable} />
          <VersionRow name={canary.canary} namespace={home} weight={weight} version={evidence.canary} />
        </tbody>
      </table>
      <p class="evidence">
        {evidence.needed > 0 &&
          `${plural(evidence.needed, 'request')} more are needed to say that the new version is sound. `}
        <label>
          Evidence against it{' '}
          <meter min="0" max="1" high={0.8} low={0.5} optimum={0} value={evidence.doubt} />{' '}
          {percent(Math.round(evidence.doubt * 100))}
        </label>
      </p>
      <CanaryCharts canary={canary} />
      {canary.history.length > 0 && (
        <details>
          <summary>{plural(canary.history.length, 'entry', 'entries')} of its history</summary>
          <ul class="changes">
            {canary.history.map(({ at, message: words }) => (
              <li key={at + words}>
                <time class="dim">{at.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')}</time> <bdi>{words}</bdi>
              </li>
            ))}
          </ul>
        </details>
      )}
      <p class="links">
        <a href={linkTo('service', [serviceOf(canary.stable, home)])}>Stable version</a>
        <a href={linkTo('service', [serviceOf(canary.canary, home)])}>New version</a>
      </p>
    </section>
  )
}

function VersionRow(props: {
  readonly name: string
  readonly namespace: string
  readonly weight: number
  readonly version: CanaryVersion
}) {
  const { name, namespace: home, weight, version } = props
  const { requests, failed, latencyMs } = version
  return (
    <tr>
      <th scope="row" data-label="Version">
        <ServiceLink id={serviceOf(name, home)} />
      </th>
      <td class="number" data-label="Weight">
        {percent(weight)}
      </td>
      <td class="number" data-label="Requests">
        {requests.toLocaleString('en')}
      </td>
      <td class="number" data-label="Success">
        <Success share={requests > 0 ? 1 - failed / requests : null} />
      </td>
      <td class="number" data-label="Latency">
        {milliseconds(latencyMs)}
      </td>
    </tr>
  )
}

type Action = 'promote' | 'pause' | 'resume' | 'rollback'

const QUESTIONS: Readonly<Record<Action, readonly [button: string, question: string]>> = {
  promote: ['Promote', 'All requests go to the new version at once, whatever is left of its steps.'],
  pause: ['Pause', 'Weights stay as they are until it is resumed.'],
  resume: ['Resume', 'It goes on with its steps.'],
  rollback: ['Roll back', 'All requests go to the stable version at once.'],
}

/** Shown to those alone who may. */
function Actions({ canary }: { canary: Canary }) {
  const [asking, setAsking] = useState<Action | undefined>(undefined)
  const [said, setSaid] = useState('')
  if (!may.value.act || !MOVING.includes(canary.phase)) return null
  const offered: readonly Action[] =
    canary.phase === 'Paused' ? ['promote', 'resume', 'rollback'] : ['promote', 'pause', 'rollback']
  const act = async (action: Action): Promise<void> => {
    const path = `/api/canaries/${encodeURIComponent(canary.namespace)}/${encodeURIComponent(canary.name)}/${action}`
    const reply = await ask<object>(path, { method: 'POST' })
    setAsking(undefined)
    setSaid(
      reply.kind === 'here'
        ? `${QUESTIONS[action][0]}: asked for.`
        : `${QUESTIONS[action][0]} failed: ${reply.message}`,
    )
  }
  return (
    <span class="actions">
      {offered.map((action) => (
        <button key={action} type="button" onClick={() => setAsking(action)}>
          {QUESTIONS[action][0]}
        </button>
      ))}
      <span role="status">{said}</span>
      {asking && (
        <Confirm
          title={`${QUESTIONS[asking][0]} ${canary.namespace}/${canary.name}?`}
          text={QUESTIONS[asking][1]}
          button={QUESTIONS[asking][0]}
          onYes={() => void act(asking)}
          onNo={() => setAsking(undefined)}
        />
      )}
    </span>
  )
}
