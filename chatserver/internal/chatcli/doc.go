// Package chatcli is the command line client bin/chat: for people at a terminal and for scripts. It reads commands and
// lines of text, one a line, and prints what happens.
//
// Rules: what others wrote never reaches the terminal with control characters in it; posts to a room keep their order; a
// script's end of input waits until every post is acknowledged, and the exit status is 0 only if all commands went well;
// errors go to standard error, with -json also as events.
package chatcli
