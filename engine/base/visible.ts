const hidden = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Text of a file for a terminal: characters that it would obey, and those that turn the direction of text, become U+FFFD, one for
 * one, so that columns stay. Line breaks and tabs are kept.
 */
export const visible = (text: string): string => text.replace(hidden, '\ufffd');
