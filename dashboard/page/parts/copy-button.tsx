import { useState } from 'preact/hooks'

/** Copies a text; says so, or that it can't be (a page that is no secure context has no clipboard). */
export function CopyButton({ text, what }: { text: string; what: string }) {
  const [said, setSaid] = useState('')
  const copy = (): void => {
    navigator.clipboard.writeText(text).then(
      () => setSaid('copied'),
      () => setSaid('mark it and copy it by hand'),
    )
  }
  return (
    <>
      <button
        type="button"
        onClick={() => {
          if (window.isSecureContext) copy()
          else setSaid('mark it and copy it by hand')
        }}
      >
        Copy <span class="unseen">{what}</span>
      </button>{' '}
      <span role="status" class="hint">
        {said}
      </span>
    </>
  )
}
