import type { ComponentChildren } from 'preact'
import type { Coverage, OutsideSource } from '../../../core/api/coverage.ts'
import type { GraphNode, Health, TrafficFigures } from '../../../core/api/traffic.ts'
import { linkTo } from '../address/navigate.ts'
import type { Answer } from '../ask/use-answer.ts'
import { plural, success, successClass } from '../words/format.ts'

const HEALTH_WORDS: Readonly<Record<Health, string>> = {
  ok: 'ok',
  degraded: 'degraded',
  failing: 'failing',
  idle: 'no requests',
}

export function HealthTag({ health }: { health: Health }) {
  return <span class={`tag health ${health}`}>{HEALTH_WORDS[health]}</span>
}

/** `catalog.shop` with its namespace dimmed, as a link to its page. '' is whoever is outside of the mesh. */
export function ServiceLink({ id }: { id: string }) {
  if (id === '') return <span class="dim">outside of the mesh</span>
  return (
    <a class="name" href={linkTo('service', [id])}>
      <ServiceName id={id} />
    </a>
  )
}

/** Breaks before the namespace and nowhere else unless it must. */
export function ServiceName({ id }: { id: string }) {
  const dot = id.lastIndexOf('.')
  if (dot < 0) return <bdi>{id}</bdi>
  return (
    <>
      <bdi>{id.slice(0, dot)}</bdi>
      <wbr />
      <span class="dim">
        .<bdi>{id.slice(dot + 1)}</bdi>
      </span>
    </>
  )
}

export function Success({ share }: { share: number | null }) {
  return <span class={successClass(share)}>{success(share)}</span>
}

/** What was seen of transport: the lock is closed only where all requests were told and had mutual TLS. */
export function Transport({ traffic }: { traffic: TrafficFigures }) {
  const { mutualTls, plaintext, unknown } = traffic.transport
  if (traffic.rate === 0) return <span class="dim">–</span>
  const parts = [
    `${success(mutualTls)} mutual TLS`,
    ...(plaintext > 0 ? [`${success(plaintext)} plaintext`] : []),
    ...(unknown > 0 ? [`${success(unknown)} not told`] : []),
  ]
  const state = mutualTls > 1 - 1e-9 ? 'all' : plaintext > 0 ? 'plain' : 'some'
  return (
    <span class={`transport ${state}`} title={parts.join(', ')}>
      {state === 'all' ? 'all' : success(mutualTls)}
    </span>
  )
}

export function PolicyWord({ policy }: { policy: GraphNode['policy'] }) {
  const title = {
    open: 'no policy restricts who may call it',
    restricted: 'policies say who may call it',
    denied: 'nobody may call it',
  }[policy]
  return (
    <span class={`policy ${policy}`} title={title}>
      {policy}
    </span>
  )
}

/** Who of the control planes did not answer: half of the mesh is not shown as if it were all. */
export function CoverageNote({ coverage }: { coverage: Coverage | undefined }) {
  if (!coverage) return null
  return (
    <>
      <MissingNote coverage={coverage} />
      {coverage.source && <SourceNote source={coverage.source} />}
    </>
  )
}

/** Where it is read from, when, and what it may lack. */
function SourceNote({ source }: { source: OutsideSource }) {
  const { kind, url, askedAt, failed, partial } = source
  const at = new Date(askedAt).toLocaleTimeString()
  if (failed !== undefined)
    return (
      <p class="banner warn" role="status">
        <b>
          {kind} at {url}
        </b>
        : {failed} (asked at {at}). What control planes hold is shown in its place.
      </p>
    )
  return (
    <p class={partial === undefined ? 'hint' : 'banner warn'} role="status">
      Read from {kind} at {url} at {at}
      {partial === undefined ? '' : `. There may be more: ${partial}`}.
    </p>
  )
}

function MissingNote({ coverage }: { coverage: Coverage }) {
  if (coverage.missing.length === 0) return null
  const all = coverage.answered + coverage.missing.length
  return (
    <p class="banner warn" role="status">
      <b>
        {plural(coverage.missing.length, 'control plane')} of {all} did not answer
      </b>
      : {coverage.missing.map(({ replica, reason }) => `${replica} (${reason})`).join(', ')}. What was
      reported to {coverage.missing.length === 1 ? 'it' : 'them'} alone is not shown.
    </p>
  )
}

/** In place of a view that has nothing to show yet, or will not have. */
export function Waiting({ answer, what }: { answer: Answer<unknown>; what: string }) {
  const { trouble } = answer
  if (!trouble) return <p class="empty">Asking for {what}…</p>
  if (trouble.kind === 'away')
    return <p class="empty">Waiting for the control plane, which does not answer now: {trouble.message}.</p>
  if (trouble.kind === 'missing')
    return (
      <p class="empty">
        This control plane does not tell of {what}: {trouble.message}.
      </p>
    )
  return (
    <p class="empty bad">
      {what} can’t be shown: {trouble.message} ({trouble.status}).
    </p>
  )
}

export function Panel(props: {
  readonly title: string
  readonly hint?: ComponentChildren
  readonly children: ComponentChildren
  readonly id?: string
  readonly class?: string
}) {
  const { title, hint, children, id = title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-') } = props
  return (
    <section class={`panel ${props.class ?? ''}`} aria-labelledby={`${id}-title`}>
      <div class="panel-head">
        <h2 id={`${id}-title`}>{title}</h2>
        {hint !== undefined && <span class="hint">{hint}</span>}
      </div>
      {children}
    </section>
  )
}

/** Values with their names. */
export function Facts({ facts }: { facts: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
