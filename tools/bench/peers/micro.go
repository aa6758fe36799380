// SPDX-License-Identifier: MIT

// Go: `micro N yield|spawn|memory|skynet|fib|across|idle|chan|many|one|select|mutex|wg|recycle|rearm|
// late|loaded|pairs|pieces|executor`, as weft's programs and cases of that name.
package main

import (
	"bufio"
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func perOp(start time.Time, n int) {
	fmt.Printf("ns_per_op %.3f\n", float64(time.Since(start).Nanoseconds())/float64(n))
}

func yields(n int) {
	var wg sync.WaitGroup
	each := n / 2
	start := time.Now()
	for i := 0; i < 2; i++ {
		wg.Add(1)
		go func() {
			for j := 0; j < each; j++ {
				runtime.Gosched()
			}
			wg.Done()
		}()
	}
	wg.Wait()
	perOp(start, each*2)
}

func spawns(n int) {
	var wg sync.WaitGroup
	start := time.Now()
	for i := 0; i < n; i++ {
		wg.Add(1)
		go wg.Done()
		wg.Wait()
	}
	perOp(start, n)
}

func memoryNow() float64 {
	f, _ := os.Open("/proc/self/status")
	defer f.Close()
	sum := 0
	for s := bufio.NewScanner(f); s.Scan(); {
		w := strings.Fields(s.Text())
		if len(w) > 1 && (w[0] == "VmRSS:" || w[0] == "VmPTE:") {
			kb, _ := strconv.Atoi(w[1])
			sum += kb * 1024
		}
	}
	return float64(sum)
}

func memory(n int) {
	var asleep int64
	before := memoryNow()
	start := time.Now()
	for i := 0; i < n; i++ {
		go func() {
			atomic.AddInt64(&asleep, 1)
			time.Sleep(time.Hour)
		}()
	}
	for atomic.LoadInt64(&asleep) < int64(n) {
		runtime.Gosched()
	}
	create := float64(time.Since(start).Nanoseconds()) / float64(n)
	time.Sleep(50 * time.Millisecond)
	fmt.Printf("create_ns_per_coroutine %.1f\n", create)
	fmt.Printf("bytes_per_coroutine %.1f\n", (memoryNow()-before)/float64(n))
}

// Twice, as weft does: the first time makes the stacks.
func twice(f func()) {
	for _, name := range []string{"first_ms", "ms"} {
		start := time.Now()
		f()
		fmt.Printf("%s %.3f\n", name, float64(time.Since(start).Nanoseconds())/1e6)
	}
}

func grow(first, size int, up chan<- int) {
	if size == 1 {
		up <- first
		return
	}
	sums, sum := make(chan int, 10), 0
	for i := 0; i < 10; i++ {
		go grow(first+i*(size/10), size/10, sums)
	}
	for i := 0; i < 10; i++ {
		sum += <-sums
	}
	up <- sum
}

func skynet(n int) {
	twice(func() {
		up := make(chan int, 1)
		go grow(0, n, up)
		if <-up != n*(n-1)/2 {
			panic("wrong sum")
		}
	})
}

func fork(n int, up chan<- int) {
	if n < 2 {
		up <- n
		return
	}
	both := make(chan int, 2)
	go fork(n-1, both)
	go fork(n-2, both)
	up <- <-both + <-both
}

func fib(n int) {
	twice(func() {
		up := make(chan int, 1)
		go fork(n, up)
		<-up
	})
}

// Two goroutines, each with a thread of its own.
func across(n int) {
	to, from := make(chan int), make(chan int)
	runtime.LockOSThread()
	go func() {
		runtime.LockOSThread()
		for i := range to {
			from <- i
		}
	}()
	start := time.Now()
	for i := 0; i < n; i++ {
		to <- i
		<-from
	}
	perOp(start, n)
}

// Waves of a thousand goroutines that end at once.
func recycle(n int) {
	const wave = 1000
	var wg sync.WaitGroup
	start := time.Now()
	for done := 0; done < n; done += wave {
		wg.Add(wave)
		for i := 0; i < wave; i++ {
			go wg.Done()
		}
		wg.Wait()
	}
	perOp(start, n)
}

func channel(n int) {
	to, from := make(chan int), make(chan int)
	go func() {
		for i := range to {
			from <- i
		}
	}()
	start := time.Now()
	for i := 0; i < n; i++ {
		to <- i
		<-from
	}
	perOp(start, n)
}

const held, crowd = 64, 8

// Many send to one, or one to many.
func throughOne(n int, manySend bool) {
	var wg sync.WaitGroup
	c, each := make(chan int, held), n/crowd
	start := time.Now()
	for p := 0; p < crowd; p++ {
		wg.Add(1)
		go func() {
			for i := 0; manySend && i < each; i++ {
				c <- i
			}
			for ok := !manySend; ok; _, ok = <-c {
			}
			wg.Done()
		}()
	}
	for i := 0; i < each*crowd; i++ {
		if manySend {
			<-c
		} else {
			c <- i
		}
	}
	close(c)
	wg.Wait()
	perOp(start, each*crowd)
}

func many(n int) { throughOne(n, true) }

func one(n int) { throughOne(n, false) }

func feed(n int, c []chan int) {
	for i := 0; i < n; i++ {
		c[i%len(c)] <- i
	}
}

// The compiled select has its cases in the source.
func selects(n int) {
	width, _ := strconv.Atoi(os.Args[3])
	c := make([]chan int, width)
	for i := range c {
		c[i] = make(chan int)
	}
	go feed(n, c)
	start := time.Now()
	for i := 0; i < n; i++ {
		if width == 2 {
			select {
			case <-c[0]:
			case <-c[1]:
			}
			continue
		}
		select {
		case <-c[0]:
		case <-c[1]:
		case <-c[2]:
		case <-c[3]:
		case <-c[4]:
		case <-c[5]:
		case <-c[6]:
		case <-c[7]:
		case <-c[8]:
		case <-c[9]:
		case <-c[10]:
		case <-c[11]:
		case <-c[12]:
		case <-c[13]:
		case <-c[14]:
		case <-c[15]:
		}
	}
	perOp(start, n)
}

func group(n int) {
	var wg sync.WaitGroup
	for round := 0; round < 2; round++ {
		start := time.Now()
		wg.Add(n)
		for i := 0; i < n; i++ {
			go wg.Done()
		}
		wg.Wait()
		if round == 1 {
			perOp(start, n)
		}
	}
}

// How long each had to wait.
func mutexWaits(n int) {
	var m sync.Mutex
	var wg sync.WaitGroup
	parties, _ := strconv.Atoi(os.Args[3])
	each := n / parties
	waits := make([]int64, 0, n)
	for p := 0; p < parties; p++ {
		wg.Add(1)
		go func() {
			for i := 0; i < each; i++ {
				start := time.Now()
				m.Lock()
				waits = append(waits, time.Since(start).Nanoseconds())
				m.Unlock()
				if i%100 == 99 {
					runtime.Gosched()
				}
			}
			wg.Done()
		}()
	}
	wg.Wait()
	sort.Slice(waits, func(a, b int) bool { return waits[a] < waits[b] })
	fmt.Printf("p50_us %.3f\n", float64(waits[len(waits)/2])/1e3)
	fmt.Printf("p999_us %.3f\n", float64(waits[len(waits)*999/1000])/1e3)
	fmt.Printf("worst_us %.3f\n", float64(waits[len(waits)-1])/1e3)
}

func mutex(n int) {
	if len(os.Args) > 4 {
		mutexWaits(n)
		return
	}
	var m sync.Mutex
	var wg sync.WaitGroup
	parties, _ := strconv.Atoi(os.Args[3])
	count, each := 0, n/parties
	start := time.Now()
	for p := 0; p < parties; p++ {
		wg.Add(1)
		go func() {
			for i := 0; i < each; i++ {
				m.Lock()
				count++
				m.Unlock()
				if i%100 == 99 {
					runtime.Gosched()
				}
			}
			wg.Done()
		}()
	}
	wg.Wait()
	perOp(start, count)
}

func usage() (int64, float64) {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	cpu := u.Utime.Nano() + u.Stime.Nano()
	return u.Nvcsw + u.Nivcsw, float64(cpu) / 1e3
}

func idle(ms int) {
	go time.Sleep(time.Hour)
	time.Sleep(200 * time.Millisecond)
	switches, cpu := usage()
	time.Sleep(time.Duration(ms) * time.Millisecond)
	s, c := usage()
	fmt.Printf("switches_per_second %.1f\n", float64(s-switches-1)*1000/float64(ms))
	fmt.Printf("cpu_us_per_second %.1f\n", (c-cpu)*1000/float64(ms))
}

// As the case of weft_timer.c, with callbacks: Go's cheapest timer has no goroutine before it
// fires.
func rearm(n int) {
	var fired int64
	timers := make([]*time.Timer, n)
	at := time.Now().Add(time.Second + time.Duration(n)*2*time.Microsecond)
	for i := range timers {
		i := i
		timers[i] = time.AfterFunc(time.Until(at), func() {
			timers[i].Reset(time.Minute + time.Duration(rand.Int63n(int64(time.Minute))))
			atomic.AddInt64(&fired, 1)
		})
	}
	time.Sleep(time.Until(at) - 50*time.Millisecond)
	for time.Now().Before(at) {
	}
	start := time.Now()
	for atomic.LoadInt64(&fired) < int64(n) {
		runtime.Gosched()
	}
	fmt.Printf("rearm_ns_per_timer %.1f\n", float64(time.Since(start).Nanoseconds())/float64(n))
	start = time.Now()
	for _, t := range timers {
		t.Stop()
	}
	fmt.Printf("cancel_ns_per_timer %.1f\n", float64(time.Since(start).Nanoseconds())/float64(n))
}

func lateness(n int, load int) {
	var stop int32
	late := make([]int64, n)
	for i := 0; i < load; i++ {
		go func() {
			for atomic.LoadInt32(&stop) == 0 {
				for end := time.Now().Add(20 * time.Microsecond); time.Now().Before(end); {
				}
				runtime.Gosched()
			}
		}()
	}
	for i := range late {
		at := time.Now().Add(time.Millisecond)
		time.Sleep(time.Until(at))
		late[i] = time.Since(at).Nanoseconds()
	}
	atomic.StoreInt32(&stop, 1)
	sort.Slice(late, func(a, b int) bool { return late[a] < late[b] })
	fmt.Printf("p50_us %.1f\n", float64(late[n/2])/1e3)
	fmt.Printf("p99_us %.1f\n", float64(late[n*99/100])/1e3)
}

func late(n int) { lateness(n, 0) }

func loaded(n int) { lateness(n, 16) }

// As the cases of weft_scale.c.
func pairs(n int) {
	var wg sync.WaitGroup
	many := 4 * runtime.GOMAXPROCS(0)
	start := time.Now()
	for i := 0; i < many; i++ {
		there, back := make(chan int), make(chan int)
		wg.Add(1)
		go func() {
			for word := range there {
				back <- word
			}
		}()
		go func() {
			for j := 0; j < n/many; j++ {
				there <- j
				<-back
			}
			close(there)
			wg.Done()
		}()
	}
	wg.Wait()
	perOp(start, n)
}

func piece(leaves int, up *sync.WaitGroup) {
	var below sync.WaitGroup
	defer up.Done()
	if leaves == 1 {
		for end := time.Now().Add(20 * time.Microsecond); time.Now().Before(end); {
		}
		return
	}
	for i := 0; i < 8; i++ {
		mine := leaves / 8
		if i < leaves%8 {
			mine++
		}
		if mine > 0 {
			below.Add(1)
			go piece(mine, &below)
		}
	}
	below.Wait()
}

func pieces(n int) {
	var all sync.WaitGroup
	start := time.Now()
	all.Add(1)
	piece(n, &all)
	all.Wait()
	perOp(start, n)
}

const batch = 512

type task struct {
	fn   func() int
	done chan int
}

// `executor trip|batch pool|go`: a pool of goroutines behind a channel (1; 2 for batch), or a goroutine
// for each task.
func executor(n int) {
	inBatches, pooled := os.Args[3] == "batch", os.Args[4] == "pool"
	tasks, threads := make(chan task, 1024), 1
	if inBatches {
		threads = 2
	}
	for i := 0; i < threads && pooled; i++ {
		go func() {
			for t := range tasks {
				t.done <- t.fn()
			}
		}()
	}
	empty := func() int { return 0 }
	submit := func() chan int {
		t := task{empty, make(chan int, 1)}
		if pooled {
			tasks <- t
		} else {
			go func() { t.done <- t.fn() }()
		}
		return t.done
	}
	var done [batch]chan int
	start := time.Now()
	if !inBatches {
		for i := 0; i < n; i++ {
			<-submit()
		}
		perOp(start, n)
		return
	}
	rounds := (n + batch - 1) / batch
	for r := 0; r < rounds; r++ {
		for i := range done {
			done[i] = submit()
		}
		for _, d := range done {
			<-d
		}
	}
	perOp(start, rounds*batch)
}

func main() {
	n, _ := strconv.Atoi(os.Args[1])
	map[string]func(int){"yield": yields, "spawn": spawns, "memory": memory,
		"skynet": skynet, "fib": fib, "across": across, "idle": idle, "chan": channel, "many": many,
		"one": one, "select": selects, "wg": group, "mutex": mutex, "recycle": recycle, "rearm": rearm, "late": late,
		"loaded": loaded, "pairs": pairs, "pieces": pieces, "executor": executor}[os.Args[2]](n)
}
