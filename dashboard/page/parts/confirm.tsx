import { useEffect, useRef } from 'preact/hooks'

/** Asks before something is done. The focus begins at the button that does nothing. */
export function Confirm(props: {
  readonly title: string
  readonly text: string
  readonly button: string
  readonly onYes: () => void
  readonly onNo: () => void
}) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => dialog.current?.showModal(), [])
  return (
    <dialog ref={dialog} aria-labelledby="confirm-title" onClose={props.onNo}>
      <h2 id="confirm-title">{props.title}</h2>
      <p>{props.text}</p>
      <p class="dialog-buttons">
        <button type="button" autoFocus onClick={props.onNo}>
          Cancel
        </button>
        <button type="button" class="primary danger" onClick={props.onYes}>
          {props.button}
        </button>
      </p>
    </dialog>
  )
}
