import type { KubernetesConnection } from '../../../control-plane/kubernetes/connection.ts'
import { openConnection } from '../../../control-plane/kubernetes/open-connection.ts'
import { describeError } from '../../../core/errors.ts'

/** Creates pods one after the other, several at a time, until it is stopped; each as a dry run. */
export class PodStream {
  /** What went wrong. */
  readonly failures: string[] = []
  readonly #connection: KubernetesConnection
  readonly #loops: Promise<unknown>
  #count = 0
  #stopped = false
  #waiting: { readonly count: number; readonly resolve: () => void }[] = []

  private constructor(connection: KubernetesConnection, loops: number, create: () => Promise<void>) {
    this.#connection = connection
    this.#loops = Promise.all(Array.from({ length: loops }, () => this.#run(create)))
  }

  /** `check` gives what is wrong with a pod that was created, if anything is. */
  static async start(options: {
    readonly kubeconfig: string
    readonly pod: { readonly metadata: { readonly namespace: string } }
    readonly atOnce: number
    readonly check: (created: unknown) => string | undefined
  }): Promise<PodStream> {
    const { pod, check } = options
    const connection = await openConnection({ kubeconfig: options.kubeconfig })
    const path = `/api/v1/namespaces/${pod.metadata.namespace}/pods`
    return new PodStream(connection, options.atOnce, async () => {
      const wrong = check(
        await connection.request({ method: 'POST', path, query: { dryRun: 'All' }, body: pod }),
      )
      if (wrong !== undefined) throw new Error(wrong)
    })
  }

  get count(): number {
    return this.#count
  }

  /** Resolves once so many more were created, or one of them was not. */
  more(number: number): Promise<void> {
    if (this.failures.length > 0) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.push({ count: this.#count + number, resolve })
    return promise
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#loops
    await this.#connection.close()
  }

  async #run(create: () => Promise<void>): Promise<void> {
    for (;;) {
      if (this.#stopped) return
      await create().catch((error: unknown) => this.failures.push(describeError(error)))
      this.#count++
      const due = this.#waiting.filter(({ count }) => count <= this.#count || this.failures.length > 0)
      this.#waiting = this.#waiting.filter((one) => !due.includes(one))
      for (const { resolve } of due) resolve()
    }
  }
}
