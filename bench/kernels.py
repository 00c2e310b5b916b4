import sys
def fib(n): return n if n < 2 else fib(n-1)+fib(n-2)
class V:
    def __init__(self,x,y): self.x=x; self.y=y
    def add(self,o): return V(self.x+o.x,self.y+o.y)
def loop():
    t=0
    for i in range(3000000): t += i*2 % 7
    return t
def meth():
    a=V(1,2); b=V(3,4)
    for i in range(500000): a=a.add(b)
    return a.x
def fl():
    s=0.5
    for i in range(2000000): s = s*1.0000001+0.25
    return s
print({'f':lambda: fib(int(sys.argv[2])),'l':loop,'m':meth,'x':fl}[sys.argv[1]]())
