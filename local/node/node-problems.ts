import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CheckCode } from '../../core/checks/catalog.ts'
import { PROXY_CONTAINER } from '../../core/contract.ts'
import type { ObjectName, Problem } from '../../core/problem.ts'
import type { Manifests } from '../manifest/source.ts'
import type { HasProgram, ImageFolders } from '../pod/images.ts'
import type { PodRunner } from '../pod/pod-runner.ts'
import { problemOf, type CheckedObject } from '../problems/checked.ts'
import { followControlPlane, type ControlPlaneView } from '../problems/control-plane-view.ts'
import { exposedProblems } from '../problems/exposed.ts'
import { podTemplateOf } from '../problems/pod-templates.ts'
import { injectorProblem } from '../problems/pods.ts'
import { ProblemBoard, type ProblemChange } from '../problems/problem-board.ts'
import { CrashLoops } from './crash-loops.ts'
import { imageProblems } from './image-problems.ts'
import { SyncLoop } from './sync-loop.ts'

export interface NodeProblemsOptions {
  /** What finds this cluster in the commands that are named: '' or ` --name two`. */
  readonly flags: string
  readonly images: ImageFolders
  readonly hasProgram: HasProgram
  /** A file for the control plane, so that its dashboard shows the same; `scratch` is a directory beside it. */
  readonly file: string
  readonly scratch: string
  pods(): readonly PodRunner[]
  readonly changed: (change: ProblemChange) => void
  warn(message: string): void
}

/** How long a sidecar may take to open its stream before that is told; milliseconds. */
const CONNECT_GRACE_MS = 10_000
/** How often a container that crashed is looked at until it has run for long enough; milliseconds. */
const LOOK_AGAIN_MS = 1000
/** What everybody but the control plane finds, which it is told. */
const TOLD = ['manifests', 'pods']

/** Everything that is wrong on this machine: with its manifests, its pods and its mesh. */
export class NodeProblems {
  readonly #options: NodeProblemsOptions
  readonly #board: ProblemBoard
  readonly #own: ProblemBoard
  readonly #write: SyncLoop
  /** By `namespace/name` of the pod: what the webhook warned of. */
  readonly #warnings = new Map<string, readonly string[]>()
  #objects: ReadonlyMap<string, CheckedObject> = new Map()
  #view: ControlPlaneView = { problems: [], connected: undefined }
  readonly #exposed = new Set<string>()
  #manifests: Manifests | undefined
  readonly #crashLoops = new CrashLoops()
  #unfollow = (): void => {}
  #closed = false
  #lookAgain: NodeJS.Timeout | undefined

  constructor(options: NodeProblemsOptions) {
    this.#options = options
    this.#board = new ProblemBoard([...TOLD, 'mesh'], options.changed)
    this.#write = new SyncLoop(
      () => this.#put(),
      (error) => options.warn(String(error)),
    )
    this.#own = new ProblemBoard(TOLD, () => void this.#write.request())
  }

  /** In order; empty when all is well. */
  get value(): readonly Problem[] {
    return this.#board.value
  }

  take(manifests: Manifests): void {
    this.#manifests = manifests
    this.#objects = new Map(manifests.objects.toReversed().map((object) => [nameOf(object), object] as const))
    this.#tellManifests()
    this.look()
  }

  /** From now on `target`, as `name.namespace:port`, is exposed on the machine. */
  exposes(target: string): void {
    this.#exposed.add(target)
    this.#tellManifests()
  }

  /** What the webhook warned of when it let a pod in. */
  warned(namespace: string, name: string, warnings: readonly string[]): void {
    this.#warnings.set(`${namespace}/${name}`, warnings)
  }

  /** Looks at the pods again. */
  look(): void {
    // What goes because the cluster ends was not mended.
    if (this.#closed) return
    const pods = this.#options.pods().filter(({ state }) => state.deletedAt === undefined)
    const there = new Set(pods.map(({ identity }) => `${identity.namespace}/${identity.name}`))
    for (const key of this.#warnings.keys()) if (!there.has(key)) this.#warnings.delete(key)
    this.#crashLoops.keep(there)
    this.#set(
      'pods',
      pods.flatMap((pod) => this.#ofPod(pod)),
    )
    this.#board.set('mesh', this.#ofMesh(pods))
    clearTimeout(this.#lookAgain)
    if (this.#crashLoops.undecided) this.#lookAgain = setTimeout(() => this.look(), LOOK_AGAIN_MS)
  }

  /** From now on also what the control plane says; `address` as in followControlPlane. */
  follow(address: () => string | undefined): void {
    this.#unfollow = followControlPlane({
      address,
      flags: this.#options.flags,
      seen: (view) => {
        this.#view = view
        this.look()
      },
    })
  }

  close(): void {
    this.#closed = true
    this.#unfollow()
    clearTimeout(this.#lookAgain)
  }

  #tellManifests(): void {
    if (!this.#manifests) return
    const { objects, problems } = this.#manifests
    const images = imageProblems(objects, this.#options.images, this.#options.hasProgram)
    this.#set('manifests', [...problems, ...images, ...exposedProblems(this.#exposed, objects)])
  }

  #set(finder: string, problems: readonly Problem[]): void {
    this.#board.set(finder, problems)
    this.#own.set(finder, problems)
  }

  #ofPod({ identity, problem, state }: PodRunner): Problem[] {
    const { namespace, name, owner } = identity
    const maker: ObjectName = { kind: owner?.kind ?? 'Pod', namespace, name: owner?.name ?? name }
    const pod = `${namespace}/${name}`
    const { flags } = this.#options
    const described = `weft local describe ${pod}${flags} shows what happened to it`
    const own = problem ? [this.#waits(maker, `${problem.reason}: ${problem.message}`, described)] : []
    const ofContainers = state.containers.flatMap((container) => {
      const why = this.#crashLoops.reason(pod, container, Date.now())
      if (why === undefined) return []
      const remedy = why.startsWith('CrashLoopBackOff')
        ? `weft local logs ${pod} -c ${container.name}${flags} says what it said`
        : described
      return [this.#waits(maker, `container ${container.name}: ${why}`, remedy)]
    })
    return [...own, ...ofContainers, ...this.#warned(maker, pod)]
  }

  #waits(maker: ObjectName, why: string, remedy: string): Problem {
    return this.#placed(maker, 'WEFT0411', '', 'error', `its pod waits: ${why}`, remedy)
  }

  #warned(maker: ObjectName, pod: string): Problem[] {
    const warnings = this.#warnings.get(pod) ?? []
    const object = this.#objects.get(nameOf(maker))
    const template = object && podTemplateOf(object)
    return warnings.flatMap((warning) => {
      if (template) return injectorProblem(template, warning)
      return [
        this.#placed(
          maker,
          'WEFT0404',
          '',
          'warning',
          warning,
          'docs/admission.md says what follows from it',
        ),
      ]
    })
  }

  #ofMesh(pods: readonly PodRunner[]): Problem[] {
    const { problems, connected } = this.#view
    // Of files everything was said here; the control plane sees them a moment later.
    const own = problems.flatMap((problem) => {
      if (problem.file !== null) return []
      return [
        this.#placed(problem, problem.code, problem.field, problem.severity, problem.message, problem.remedy),
      ]
    })
    const lonely = pods.filter((pod) => connected && waitsForStream(pod) && !connected.has(nodeOf(pod)))
    return [
      ...own,
      ...lonely.map(({ identity: { namespace, name } }) => {
        const message = 'its sidecar has no stream to the control plane, and goes on with what it has'
        const remedy = `weft local logs ${namespace}/${name} -c ${PROXY_CONTAINER}${this.#options.flags} says why`
        return this.#placed({ kind: 'Pod', namespace, name }, 'WEFT0602', '', 'error', message, remedy)
      }),
    ]
  }

  /** A problem at the place of its object in the manifests, if it is there. */
  #placed(
    { kind, namespace, name }: ObjectName,
    code: CheckCode,
    field: string,
    severity: Problem['severity'],
    message: string,
    remedy: string,
  ): Problem {
    const object = this.#objects.get(nameOf({ kind, namespace, name }))
    if (object) return problemOf(object, code, field, severity, message, remedy)
    return {
      code,
      file: null,
      line: null,
      column: null,
      kind,
      namespace,
      name,
      field,
      severity,
      message,
      remedy,
    }
  }

  async #put(): Promise<void> {
    const { file, scratch } = this.#options
    const draft = join(scratch, 'problems.json')
    await writeFile(draft, JSON.stringify({ problems: this.#own.value }), { mode: 0o644 })
    await rename(draft, file)
  }
}

function nameOf({ kind, namespace, name }: ObjectName): string {
  return JSON.stringify([kind, namespace, name])
}

function nodeOf({ identity: { namespace, name } }: PodRunner): string {
  return `${name}.${namespace}`
}

/** Its sidecar runs for long enough to have a stream. */
function waitsForStream({ state }: PodRunner): boolean {
  const sidecar = state.containers.find(({ name }) => name === PROXY_CONTAINER)?.state
  return sidecar?.type === 'running' && Date.now() - sidecar.startedAt > CONNECT_GRACE_MS
}
