import { useEffect, useRef } from 'preact/hooks'
import { address } from './address/navigate.ts'
import type { View } from './address/address.ts'
import { liveGraph } from './ask/live-mesh.ts'
import { Banners, outages } from './parts/banners.tsx'
import { Head } from './parts/head.tsx'
import { CanariesView } from './canary/canaries-view.tsx'
import { TapView } from './tap/tap-view.tsx'
import { MapView } from './map/map-view.tsx'
import { MeshView } from './mesh/mesh-view.tsx'
import { PolicyView } from './policy/policy-view.tsx'
import { ServiceView } from './service/service-view.tsx'
import { CompareView } from './traces/compare-view.tsx'
import { TraceView } from './traces/trace-view.tsx'
import { TracesView } from './traces/traces-view.tsx'

const TITLES: Readonly<Record<View, string>> = {
  map: 'Map',
  service: 'Service',
  traces: 'Traces',
  trace: 'Trace',
  compare: 'Two traces',
  canaries: 'Canaries',
  mesh: 'Mesh',
  policy: 'Policy',
  live: 'Live',
}

export function App() {
  const { view, path } = address.value
  const main = useRef<HTMLElement>(null)
  const place = [view, ...path].join('/')
  const first = useRef(place)
  useEffect(() => {
    // Whoever follows a link begins at the top of what it leads to; the page that was opened keeps the browser's focus.
    if (first.current === place) return
    first.current = ''
    scrollTo(0, 0)
    main.current?.focus()
  }, [place])
  const failing = liveGraph.value ? outages(liveGraph.value).length : 0
  const title = `${failing > 0 ? `(${failing} failing) ` : ''}${path[0] ?? TITLES[view]} – Weft`
  useEffect(() => {
    document.title = title
  }, [title])
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          // The address's fragment says what is shown.
          event.preventDefault()
          main.current?.focus()
        }}
      >
        Skip to the content
      </a>
      <Head />
      <Banners />
      <main ref={main} tabIndex={-1} class={`view-${view}`}>
        <Shown view={view} path={path} />
      </main>
    </>
  )
}

function Shown({ view, path }: { view: View; path: readonly string[] }) {
  const [first = '', second = ''] = path
  switch (view) {
    case 'map':
      return <MapView />
    case 'service':
      return <ServiceView key={first} id={first} />
    case 'traces':
      return <TracesView />
    case 'trace':
      return <TraceView key={first} id={first} />
    case 'compare':
      return <CompareView key={`${first} ${second}`} ids={[first, second]} />
    case 'canaries':
      return <CanariesView />
    case 'mesh':
      return <MeshView />
    case 'policy':
      return <PolicyView />
    case 'live':
      return <TapView />
  }
}
