import type { Route, Routes } from '../ask/pages.ts'
import { useAnswer } from '../ask/use-answer.ts'
import { CoverageNote, Panel, ServiceLink, Success, Waiting } from '../parts/pieces.tsx'
import { milliseconds, percent, rate } from '../words/format.ts'
import { serviceOfCluster } from './rule-to.ts'

const POLL_MS = 5000

/** The rules of a service's routes, in the order in which they are tried, with where requests went. */
export function Rules({ id }: { id: string }) {
  const answer = useAnswer<Routes>('/api/routes', POLL_MS)
  const dot = id.lastIndexOf('.')
  const own = `${id.slice(dot + 1)}/${id.slice(0, dot)}/`
  if (!answer.value)
    return (
      <Panel title="Routes">
        <Waiting answer={answer} what="routes" />
      </Panel>
    )
  const { routes, windowSeconds } = answer.value
  const rules = routes.filter(({ parent }) => parent.startsWith(own))
  return (
    <Panel
      title="Routes"
      hint={`rules in the order in which they are tried; seen in the last ${windowSeconds} s`}
    >
      <CoverageNote coverage={answer.value.coverage} />
      {rules.length === 0 && <p class="empty">No route: all requests go to the Service’s own endpoints.</p>}
      {rules.map((rule) => (
        <Rule
          key={`${rule.name} ${rule.parent} ${rule.consumer}`}
          rule={rule}
          windowSeconds={windowSeconds}
        />
      ))}
    </Panel>
  )
}

function Rule({ rule, windowSeconds }: { rule: Route; windowSeconds: number }) {
  return (
    <section class="rule" aria-label={rule.name}>
      <h3>
        <bdi>{rule.name}</bdi> <span class="dim">{rate(rule.rate)}/s</span>
        {rule.rate === 0 && (
          <span class="tag warn" title={`no request followed it in the last ${windowSeconds} s`}>
            not matched
          </span>
        )}
        {rule.consumer !== '' && <span class="tag">for callers of {rule.consumer}</span>}
      </h3>
      <p class="matches">
        {rule.matches.map((match) => (
          <code key={match}>{match}</code>
        ))}
      </p>
      {rule.action === 'redirect' ? (
        <p>Answered with a redirect.</p>
      ) : (
        <ul class="plain shares">
          {rule.backends.map((backend) => (
            <li key={backend.cluster}>
              <span class="backend">
                {backend.cluster === '' ? (
                  <span class="bad">invalid reference</span>
                ) : (
                  <ServiceLink id={serviceOfCluster(backend.cluster)} />
                )}
              </span>
              <meter
                min="0"
                max="100"
                value={backend.observedPercent ?? 0}
                aria-label={`${backend.cluster}: share that was seen`}
              />
              <span class="numbers">
                <b>
                  {percent(
                    backend.observedPercent === null ? null : Math.round(backend.observedPercent * 10) / 10,
                  )}
                </b>{' '}
                <span class="dim">of {percent(backend.percent)}</span>
              </span>
              <span class="numbers">
                {rate(backend.rate)}/s <Success share={backend.successRate} /> p95{' '}
                {milliseconds(backend.p95Ms)}
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
