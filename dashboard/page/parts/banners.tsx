import { useEffect, useState } from 'preact/hooks'
import type { Graph, GraphNode } from '../../../core/api/traffic.ts'
import { linkTo } from '../address/navigate.ts'
import { token, tokenWanted } from '../ask/ask.ts'
import { connection, liveGraph, meshFacts } from '../ask/live-mesh.ts'
import { plural, rate } from '../words/format.ts'
import { formText } from './form-text.ts'
import { CoverageNote, ServiceLink } from './pieces.tsx'

const MOST_SHOWN = 4

/** What must not be overlooked, on every page. */
export function Banners() {
  const graph = liveGraph.value
  return (
    <div class="banners">
      {tokenWanted.value && <TokenForm />}
      <Away />
      {graph && <Outages graph={graph} />}
      <CoverageNote coverage={graph?.coverage} />
      <IssuerTrouble />
    </div>
  )
}

/** Those that fail, who is hurt most first. */
export function outages(graph: Graph): GraphNode[] {
  return graph.nodes
    .filter(({ health }) => health === 'failing')
    .sort((a, b) => b.traffic.failedRate - a.traffic.failedRate || (a.id < b.id ? -1 : 1))
}

function Outages({ graph }: { graph: Graph }) {
  const failing = outages(graph)
  if (failing.length === 0) return null
  return (
    <section class="banner outage" role="alert" aria-label="Outages">
      <h2>{failing.length === 1 ? '1 service is failing' : `${failing.length} services are failing`}</h2>
      <ul>
        {failing.slice(0, MOST_SHOWN).map((node) => (
          <li key={node.id}>
            <ServiceLink id={node.id} /> {node.reasons.join(' ')}
            {node.traffic.failedRate > 0 && ` ${rate(node.traffic.failedRate)} requests a second fail.`}
          </li>
        ))}
        {failing.length > MOST_SHOWN && (
          <li>
            <a href={linkTo('map', [], { sort: 'health' })}>and {failing.length - MOST_SHOWN} more</a>
          </li>
        )}
      </ul>
    </section>
  )
}

function Away() {
  const state = connection.value
  const [now, setNow] = useState(Date.now())
  const away = state.state === 'away'
  useEffect(() => {
    if (!away) return undefined
    const timer = setInterval(() => setNow(Date.now()), 1000)
    return () => clearInterval(timer)
  }, [away])
  if (state.state !== 'away') return null
  const old =
    state.since === null
      ? 'It has not answered yet.'
      : `What you see is ${plural(Math.max(0, Math.round((now - state.since) / 1000)), 'second')} old.`
  return (
    <p class="banner warn away" role="status">
      <b>The control plane does not answer.</b> {old} A sidecar that has no control plane goes on with what it
      was told last.
    </p>
  )
}

function IssuerTrouble() {
  const trouble = meshFacts.value?.issuer?.trouble
  if (!trouble) return null
  return (
    <p class="banner warn" role="status">
      <b>No certificates are signed:</b> {trouble.message}
    </p>
  )
}

function TokenForm() {
  return (
    <form
      class="banner warn token"
      onSubmit={(event) => {
        event.preventDefault()
        token.value = formText(event.currentTarget, 'token')
      }}
    >
      <label>
        This control plane wants to know who asks: a token, as <code>kubectl create token NAME</code> prints
        it. It stays in this tab. <input type="password" name="token" autocomplete="off" required />
      </label>
      <button type="submit">Use it</button>
    </form>
  )
}
