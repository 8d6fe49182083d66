package chatcli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// help describes the input.
const help = `Commands:
  rooms [TEXT]             list the rooms, or those whose name has TEXT in it
  join ROOM [last N]       enter a room, make it the current one, and show its last messages
  history [ROOM] [N]       show the last messages of a room that was joined
  say ROOM TEXT            write to a room that was joined
  who [ROOM]               who is in the room now
  leave [ROOM]             leave the room
  info                     what the server says about itself
  help                     this text
  quit                     leave the pool (as does the end of the input)
ROOM is a name or a URI (ma-chan://...); a name with spaces is written in "quotes". Without ROOM, it is the current room.
Every other line is written to the current room. So is a line that begins with a space, without that space, even if
it looks like a command. A command may begin with a slash: /who is never taken for text.
`

// line is one line of input, understood: a command with its arguments, or text for the current room.
type line struct {
	command string // "": text
	room    string // "": the current room
	text    string
	count   int // -1: not given
}

// parseLine understands a line of input. What begins like a command but has other arguments than it takes is text,
// unless it begins with a slash.
func parseLine(s string) (line, error) {
	s = strings.TrimRight(s, "\r\n")
	if rest, ok := strings.CutPrefix(s, " "); ok {
		return line{text: rest, count: -1}, nil
	}
	rest, slash := strings.CutPrefix(s, "/")
	words, ends, err := split(rest)
	if err == nil && len(words) > 0 {
		var l line
		if l, err = command(words, rest, ends); err == nil {
			return l, nil
		}
	}
	switch {
	case slash && err == nil:
		return line{}, errors.New("a command is missing after the slash: help lists them")
	case slash:
		return line{}, err
	}
	return line{text: s, count: -1}, nil
}

// command matches words with the commands; ends tells where in rest each word ends.
func command(words []string, rest string, ends []int) (line, error) {
	l := line{command: words[0], count: -1}
	args := words[1:]
	most := map[string]int{"rooms": 1, "join": 3, "history": 2, "who": 1, "leave": 1, "info": 0, "help": 0, "quit": 0}
	n, known := most[l.command]
	if l.command == "say" {
		if len(args) < 2 {
			return l, errors.New("want say ROOM TEXT")
		}
		l.room, l.text = args[0], strings.TrimLeft(rest[ends[1]:], " \t")
		return l, nil
	}
	if !known {
		return l, fmt.Errorf("there is no command %q: help lists them", l.command)
	}
	if len(args) > n {
		return l, fmt.Errorf("%s takes fewer arguments: a name with spaces needs quotes", l.command)
	}
	switch l.command {
	case "rooms":
		l.text = strings.Join(args, "")
		return l, nil
	case "join":
		if len(args) == 0 {
			return l, errors.New("want join ROOM [last N]")
		}
		if len(args) == 3 {
			if !strings.EqualFold(args[1], "last") {
				return l, errors.New("want join ROOM [last N]; a name with spaces needs quotes")
			}
			args = []string{args[0], args[2]}
		}
	case "history":
		if len(args) == 1 && isNumber(args[0]) {
			args = []string{"", args[0]}
		}
	}
	if len(args) == 2 {
		count, err := strconv.Atoi(args[1])
		if err != nil || count < 0 {
			return l, fmt.Errorf("%q is not a number of messages", args[1])
		}
		l.count = count
	}
	if len(args) > 0 {
		l.room = args[0]
	}
	return l, nil
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// split cuts a line into words; a word in double quotes may have spaces. ends are the offsets after each word.
func split(s string) (words []string, ends []int, err error) {
	for i := 0; i < len(s); {
		switch {
		case s[i] == ' ' || s[i] == '\t':
			i++
			continue
		case s[i] == '"':
			n := strings.IndexByte(s[i+1:], '"')
			if n < 0 {
				return nil, nil, errors.New(`a closing " is missing`)
			}
			words = append(words, s[i+1:i+1+n])
			i += n + 2
		default:
			n := strings.IndexAny(s[i:], " \t")
			if n < 0 {
				n = len(s) - i
			}
			words = append(words, s[i:i+n])
			i += n
		}
		ends = append(ends, i)
	}
	return words, ends, nil
}
