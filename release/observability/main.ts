import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { FOLDER, observabilityFiles } from './files.ts'

// `node release/observability/main.ts` writes deploy/observability/ anew.
for (const [name, text] of observabilityFiles()) {
  const path = join(FOLDER, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}
