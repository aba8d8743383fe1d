import { render } from 'preact'
import { App } from './app.tsx'
import { followMesh } from './ask/live-mesh.ts'

const root = document.querySelector('#app')
if (root) render(<App />, root)
followMesh()
