import { useMemo } from 'preact/hooks'
import type { CheckFinding, Checks } from '../../../core/api/checks.ts'
import type { Sidecars } from '../../../core/api/sidecars.ts'
import { namespace } from '../address/navigate.ts'
import { meshFacts } from '../ask/live-mesh.ts'
import type { Problem } from '../ask/pages.ts'
import { useAnswer } from '../ask/use-answer.ts'
import { CoverageNote, Facts, Panel, Waiting } from '../parts/pieces.tsx'
import { duration, plural } from '../words/format.ts'
import { Certificates } from './certificates.tsx'
import { findingsOf } from './findings.ts'
import { Injections } from './injections.tsx'
import { Proxies } from './proxies.tsx'
import { Refusing } from './refusing.tsx'

const POLL_MS = 5000

/** What the mesh itself is and what is wrong with it: proxies, configuration, certificates, checks. */
export function MeshView() {
  const facts = meshFacts.value
  const answer = useAnswer<Sidecars>('/api/sidecars', POLL_MS)
  const sidecars = answer.value
  return (
    <>
      <h1>Mesh</h1>
      {facts && (
        <Facts
          facts={[
            ['Release', facts.release],
            ['Up for', facts.startedAt ? duration((Date.now() - facts.startedAt) / 1000) : '–'],
            ['Configuration', `version ${facts.version}`],
            ['Trust domain', facts.trustDomain],
            [
              'Certificates',
              facts.issuer ? (
                facts.issuer.trouble ? (
                  <span class="bad">{facts.issuer.title}</span>
                ) : (
                  facts.issuer.title
                )
              ) : (
                'not signed here'
              ),
            ],
            [
              'Proxies',
              <span class={facts.proxies.connected < facts.proxies.expected ? 'poor' : ''}>
                {facts.proxies.connected} of {facts.proxies.expected} connected
              </span>,
            ],
            [
              'Refusing',
              <span class={facts.proxies.rejecting > 0 ? 'bad' : ''}>{facts.proxies.rejecting}</span>,
            ],
            ['Reports refused', facts.telemetry.refused.toLocaleString('en')],
          ]}
        />
      )}
      <CheckList />
      <Refusing sidecars={sidecars?.sidecars ?? []} />
      <Certificates answer={answer} />
      <Injections />
      <Panel title="Proxies" hint={sidecars && plural(sidecars.sidecars.length, 'sidecar')}>
        <CoverageNote coverage={sidecars?.coverage} />
        {sidecars ? (
          <Proxies sidecars={sidecars.sidecars} now={sidecars.now} />
        ) : (
          <Waiting answer={answer} what="proxies" />
        )}
      </Panel>
    </>
  )
}

function CheckList() {
  const checks = useAnswer<Checks>('/api/checks', 10_000)
  const without = checks.trouble?.kind === 'missing'
  const problems = useAnswer<{ readonly problems: readonly Problem[] }>(
    without ? '/api/problems' : null,
    10_000,
  )
  const own = namespace.value
  const found = useMemo(
    () => findingsOf(checks.value, problems.value?.problems),
    [checks.value, problems.value],
  )
  const shown = found?.filter((one) => own === '' || one.namespace === own || one.namespace === '')
  return (
    <Panel title="Checks" hint={shown && plural(shown.length, 'finding')}>
      <CoverageNote coverage={checks.value?.coverage} />
      {!shown && <Waiting answer={without ? problems : checks} what="checks" />}
      {shown?.length === 0 && <p class="empty good">Nothing is wrong with the configuration.</p>}
      {shown && shown.length > 0 && (
        <ul class="findings">
          {shown.slice(0, 200).map((one) => (
            <Finding
              key={`${one.code} ${one.kind} ${one.namespace} ${one.name} ${one.field} ${one.message}`}
              finding={one}
            />
          ))}
          {shown.length > 200 && (
            <li class="dim">and {plural(shown.length - 200, 'other')}: weft lint lists all</li>
          )}
        </ul>
      )}
    </Panel>
  )
}

function Finding({ finding }: { finding: CheckFinding }) {
  const {
    code,
    severity,
    kind,
    namespace: home,
    name,
    field,
    message,
    effect,
    remedy,
    file,
    line,
    column,
  } = finding
  const place = [file, line, column].filter((part) => part !== null).join(':')
  const object = [kind, [home, name].filter((part) => part !== '').join('/')].join(' ').trim()
  return (
    <li class={severity}>
      <span class={`tag ${severity === 'error' ? 'bad' : severity === 'warning' ? 'warn' : ''}`}>
        {severity}
      </span>{' '}
      {code !== '' && <code>{code}</code>}{' '}
      {object !== '' && (
        <b>
          <bdi>{object}</bdi>
        </b>
      )}{' '}
      {field !== '' && <code>{field}</code>} <bdi>{message}</bdi>
      {effect !== '' && <p class="hint">{effect}</p>}
      <p class="remedy">{remedy}</p>
      {place !== '' && <p class="dim place">{place}</p>}
    </li>
  )
}
