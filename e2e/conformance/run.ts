import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMesh } from '../../control-plane/mesh.ts'
import { MemorySource } from '../../control-plane/registry/memory-source.ts'
import { silentLogger } from '../../core/log.ts'
import { startCluster, type LocalCluster } from '../../local/cluster.ts'
import type { Case, CaseRequest } from './case.ts'
import type { Answer } from './app/call.ts'
import { judge, judgeStatus } from './judge.ts'

export interface CaseResult {
  readonly feature: string
  readonly name: string
  /** Empty: it passed. */
  readonly problems: readonly string[]
}

const BASE = readFileSync(join(import.meta.dirname, 'base.yaml'), 'utf8')
const CLIENT_MS = 120_000

/** Runs all cases against one mesh on this machine, and holds their status to what the control plane says. */
export async function runCases(
  cases: readonly Case[],
  {
    signal,
    onProgress = () => {},
  }: { readonly signal?: AbortSignal; readonly onProgress?: (line: string) => void } = {},
): Promise<readonly CaseResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-conformance-'))
  writeFileSync(join(folder, 'all.yaml'), `${BASE}${cases.map(({ manifests }) => manifests).join('')}`)
  let cluster: LocalCluster | undefined
  try {
    onProgress('starting the mesh')
    cluster = await startCluster({
      manifests: [folder],
      name: `conformance-${process.pid}`,
      images: { 'test/conformance': join(import.meta.dirname, 'app') },
      ...(signal ? { signal } : {}),
    })
    await cluster.ready
    onProgress(`sending the requests of ${cases.length} cases`)
    const answers = await send(
      cluster,
      cases.flatMap(({ requests }) => requests),
    )
    return cases.map((one) => {
      const problems = one.requests.flatMap((request) => judge(request, answers.get(request) ?? []))
      return { feature: one.feature, name: one.name, problems: [...problems, ...statusProblems(one)] }
    })
  } finally {
    await cluster?.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** In order, those of each client together. */
async function send(
  cluster: LocalCluster,
  requests: readonly CaseRequest[],
): Promise<ReadonlyMap<CaseRequest, readonly Answer[]>> {
  const answers = new Map<CaseRequest, readonly Answer[]>()
  for (const [from, own] of Map.groupBy(requests, (one) => one.from ?? 'mesh')) {
    const command = ['node', 'client.ts', JSON.stringify(own)]
    const { stdout, stderr, code } = await cluster.exec(`${from}/client`, command, { timeoutMs: CLIENT_MS })
    if (code !== 0) throw new Error(`the client in ${from} failed: ${stderr}`)
    const given = JSON.parse(stdout) as Answer[][]
    own.forEach((request, at) => answers.set(request, given[at] ?? []))
  }
  return answers
}

/**
 * Of the control plane itself, which writes nothing on one machine: of the objects as they are, and once all of them have
 * been edited and have their next generation.
 */
function statusProblems(one: Case): string[] {
  const source = MemorySource.of(BASE, one.manifests)
  const mesh = createMesh({ source, trustDomain: 'cluster.local', log: silentLogger })
  const objects = objectsIn(one)
  const judged = (bump: number): string[] =>
    judgeStatus(one, mesh.snapshot.value.routeStatus, generationsOf(objects, bump))
  const problems = judged(0)
  for (const { metadata, ...rest } of objects)
    source.put(JSON.stringify({ ...rest, metadata: { ...metadata, generation: generationOf(metadata, 1) } }))
  const edited = judged(1).map((problem) => `once edited, ${problem}`)
  mesh.close()
  return [...problems, ...edited]
}

interface ManifestObject {
  readonly kind: string
  readonly metadata: { readonly namespace?: string; readonly name: string; readonly generation?: number }
}

function objectsIn({ manifests }: Case): readonly ManifestObject[] {
  return manifests
    .split('---\n')
    .filter(Boolean)
    .map((text) => JSON.parse(text) as ManifestObject)
}

function generationsOf(objects: readonly ManifestObject[], bump: number): ReadonlyMap<string, number> {
  return new Map(
    objects.map(({ kind, metadata }) => [
      `${kind}/${metadata.namespace ?? ''}/${metadata.name}`,
      generationOf(metadata, bump),
    ]),
  )
}

function generationOf({ generation = 0 }: ManifestObject['metadata'], bump: number): number {
  return generation + bump
}
