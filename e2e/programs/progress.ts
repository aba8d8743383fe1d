/** Where the making of programs says what it does, a line at a time. */
export type Progress = (line: string) => void
